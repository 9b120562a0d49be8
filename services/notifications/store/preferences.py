"""What people asked for."""

import json
from collections.abc import Collection, Sequence
from uuid import UUID

from services.notifications.domain.kinds import Channel, Kind
from services.notifications.store.tables import Preference
from shared.database import Tx
from shared.messages import Language


async def of(tx: Tx, employee_id: UUID) -> Preference:
    """What a person asked for; the defaults if they never did."""
    asked = await tx.session.get(Preference, employee_id)
    return asked or Preference(employee_id=employee_id, language=None, muted_channels=[], muted_kinds=[])


async def languages(tx: Tx, people: Collection[UUID]) -> dict[UUID, Language]:
    """Who of these people chose a language, and which."""
    rows = await tx.connection.fetch(
        "select employee_id, language from preference where employee_id = any($1) and language is not null",
        list(people),
    )
    return {row["employee_id"]: row["language"] for row in rows}


async def put(
    tx: Tx,
    employee_id: UUID,
    *,
    language: Language | None,
    muted_channels: Sequence[Channel],
    muted_kinds: Sequence[Kind],
) -> None:
    """Keep what a person asks for, as a whole."""
    await tx.connection.execute(
        """
        insert into preference (employee_id, language, muted_channels, muted_kinds) values ($1, $2, $3, $4)
        on conflict (employee_id) do update set language = excluded.language,
            muted_channels = excluded.muted_channels, muted_kinds = excluded.muted_kinds
        """,
        employee_id,
        language,
        json.dumps(muted_channels),
        json.dumps(muted_kinds),
    )
