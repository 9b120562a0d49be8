"""What people want to hear."""

from collections.abc import Iterable
from uuid import UUID

from services.notifications.domain.kinds import Channel, Kind
from services.notifications.store import preferences as store
from shared.database import Tx
from shared.messages import Language


async def ask(
    tx: Tx,
    employee_id: UUID,
    *,
    language: Language | None,
    muted_channels: Iterable[Channel],
    muted_kinds: Iterable[Kind],
) -> None:
    """Ask for something else, as a whole."""
    await store.put(
        tx,
        employee_id,
        language=language,
        muted_channels=sorted(set(muted_channels)),
        muted_kinds=sorted(set(muted_kinds)),
    )
