"""What people want to hear."""

from collections.abc import Sequence
from uuid import UUID

from services.notifications.domain.kinds import Channel, Kind
from services.notifications.domain.preferences import Muted, wrong_wishes
from services.notifications.store import preferences as store
from services.notifications.store import rules
from shared.database import Tx
from shared.messages import Language
from shared.refusals import Invalid


async def ask(
    tx: Tx,
    employee_id: UUID,
    *,
    language: Language | None,
    muted_channels: Sequence[Channel],
    muted_kinds: Sequence[Kind],
    muted: Sequence[Muted],
) -> None:
    """Ask for something else, as a whole. Raises Invalid for what cannot be turned off."""
    if wrong := wrong_wishes(await rules.current(tx), muted_kinds, muted):
        raise Invalid("validation", errors=wrong)
    await store.put(
        tx, employee_id, language=language, muted_channels=muted_channels, muted_kinds=muted_kinds, muted=muted
    )
