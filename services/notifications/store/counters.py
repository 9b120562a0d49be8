"""What is foreseen of service points and of their budgets, and what people were told of it."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from shared.database import Tx


class Foreseen(NamedTuple):
    """A shortage that is to come, by the event `cause`."""

    unit_id: str
    opd_code: str
    cause: UUID
    starts_at: dt.datetime
    ends_at: dt.datetime | None
    required: int
    expected: int
    as_of: dt.datetime


async def untold(tx: Tx, now: dt.datetime, since: dt.datetime) -> list[Foreseen]:
    """The shortages to come of which nobody was told, heard of since then, of counters of which no alert stands;
    nobody else has them before this transaction is over."""
    rows = await tx.connection.fetch(
        """
        select f.unit_id, f.opd_code, f.ce_id as cause, f.starts_at, f.ends_at, f.required, f.expected, f.as_of
        from forecast f
        where f.status = 'will_fall_short' and f.told is null and f.starts_at > $1 and f.heard_at >= $2
            and not exists (select from counter c where c.unit_id = f.unit_id and c.alert is not null)
        order by f.unit_id for update of f skip locked
        """,
        now,
        since,
    )
    return [Foreseen(**row) for row in rows]


async def set_told(tx: Tx, foreseen: Iterable[Foreseen]) -> None:
    """Note that people were told of these."""
    await tx.connection.executemany(
        "update forecast set told = $2 where unit_id = $1", [(one.unit_id, one.cause) for one in foreseen]
    )


async def settle(tx: Tx) -> None:
    """What holds again, may be told anew when it will not."""
    await tx.connection.execute(
        "update forecast set told = null where status <> 'will_fall_short' and told is not null"
    )


class BudgetAlert(NamedTuple):
    """By which event people were told of a window now that the event `ce_id` has said how it is; None for none."""

    unit_id: str
    of_window: str
    ce_id: UUID
    told: UUID | None


async def set_budgets(tx: Tx, alerts: Iterable[BudgetAlert]) -> None:
    """Note it, of windows whose newest event is still the one that said so."""
    await tx.connection.executemany(
        "update budget set told = $4 where unit_id = $1 and of_window = $2 and ce_id = $3", list(alerts)
    )
