"""How long the queue of what is to be computed anew is (`store/steps.py`), and how old."""

from typing import NamedTuple

from shared.database import Tx

MOST = 10_000
"""Rows that are counted, and looked at for their age."""

_WAITING = """
    with days as (select noted_at from touched limit $1),
        counters as (select noted_at from touched_counter limit $1)
    select (select count(*) from days) as days, (select count(*) from counters) as counters,
        coalesce(extract(epoch from clock_timestamp() - least(
            (select min(noted_at) from days), (select min(noted_at) from counters)
        )), 0)::float8 as oldest_s
"""


class Waiting(NamedTuple):
    """How much of the queue there is, at most as much as was counted: person-days or whole dates, and counters;
    and for how many wall seconds the oldest of those that were counted has waited."""

    days: int
    counters: int
    oldest_s: float


async def waiting(tx: Tx, most: int = MOST) -> Waiting:
    """How much waits, each counted up to `most`, and for how long."""
    row = await tx.connection.fetchrow(_WAITING, most)
    return Waiting(**row) if row is not None else Waiting(0, 0, 0.0)
