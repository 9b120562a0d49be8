"""Dead letters: deliveries that were given up, until somebody replays or drops them."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind, Way
from shared.database import Tx


class Letter(NamedTuple):
    """A dead letter, without whose it is, where it went and what it says. `reached`: so many addresses have it."""

    delivery_id: UUID
    place: int
    way: Way
    kind: Kind
    notification_id: UUID
    attempts: int
    reached: int
    error: str | None
    created_at: dt.datetime
    ended_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which letters; each field narrows where it is given. `error` is its beginning."""

    ids: Collection[UUID] | None = None
    way: Way | None = None
    kind: Kind | None = None
    error: str | None = None


_CHOSEN = """
    state = 'dead' and ($1::uuid[] is null or delivery_id = any($1)) and ($2::text is null or way = $2)
    and ($3::text is null or kind = $3) and ($4::text is null or starts_with(error, $4))
"""


async def dead(tx: Tx, chosen: Chosen, *, limit: int) -> list[Letter]:
    """The newest dead letters of those chosen."""
    rows = await tx.connection.fetch(
        f"""
        select delivery_id, place, way, kind, notification_id, attempts, cardinality(reached) as reached, error,
            created_at, ended_at
        from delivery where {_CHOSEN} order by place desc limit $5
        """,  # noqa: S608 - words above
        *_said(chosen),
        limit,
    )
    return [Letter(**row) for row in rows]


async def count(tx: Tx, chosen: Chosen) -> dict[Way, int]:
    """How many dead letters are chosen, by way."""
    rows = await tx.connection.fetch(
        f"select way, count(*) as letters from delivery where {_CHOSEN} group by way order by way",  # noqa: S608
        *_said(chosen),
    )
    return {row["way"]: row["letters"] for row in rows}


async def replay(tx: Tx, chosen: Chosen, give_up: dt.timedelta) -> int:
    """Let dead letters wait again, as if they were new; who has them already is not sent to. How many."""
    tag = await tx.connection.execute(
        f"""
        update delivery set state = 'waiting', attempts = 0, error = null, ended_at = null,
            parcel = case when reached <> '{{}}' then parcel end, due_at = clock_timestamp(),
            give_up_at = clock_timestamp() + $5::interval
        where {_CHOSEN}
        """,  # noqa: S608 - words above
        *_said(chosen),
        give_up,
    )
    return int(tag.split()[-1])


async def drop(tx: Tx, chosen: Chosen) -> int:
    """Let dead letters go for good. How many."""
    tag = await tx.connection.execute(f"update delivery set state = 'dropped' where {_CHOSEN}", *_said(chosen))  # noqa: S608
    return int(tag.split()[-1])


def _said(chosen: Chosen) -> tuple[list[UUID] | None, Way | None, Kind | None, str | None]:
    ids = None if chosen.ids is None else list(chosen.ids)
    return ids, chosen.way, chosen.kind, chosen.error
