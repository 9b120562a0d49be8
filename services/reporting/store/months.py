"""The month partitions of the tables whose key holds the date; months.sql makes them."""

import datetime as dt
from typing import NamedTuple

import asyncpg

from shared.database import Tx

DATED = {
    "fact_plan": "work_date",
    "person_day": "work_date",
    "person_output": "work_date",
    "person_task": "work_date",
    "counter_day": "day",
}
"""The column that each table is partitioned by."""

MANY = 5_000
"""A month of which so many rows are known gets a table of its own; odd dates do not make thousands of tables."""

PATIENCE = "500ms"
HOLD_ALL = f"lock table only {', '.join(sorted(DATED))} in access exclusive mode"

_CROWDED = """
    select date_trunc('month', {dated})::date as month from {table}_other
    where isfinite({dated}) group by 1 having count(*) >= $1
"""
_KNOWN = """
    select child.relname as name from pg_inherits as link join pg_class as child on child.oid = link.inhrelid
    where link.inhparent = $1::text::regclass
"""


class Month(NamedTuple):
    """The partition of a table for the month that begins with `first`."""

    table: str
    first: dt.date

    @property
    def name(self) -> str:
        return f"{self.table}_{self.first:%Y_%m}"


async def wanted(tx: Tx, first: dt.date, ahead: int) -> list[Month]:
    """What has no partition and should have one: the month that begins with `first`, `ahead` months after it, and
    those of which the table of odd dates holds many rows."""
    known = [first]
    for _ in range(ahead):
        known.append((known[-1] + dt.timedelta(days=31)).replace(day=1))
    missing: list[Month] = []
    for table, dated in DATED.items():
        rows = await tx.connection.fetch(_CROWDED.format(table=table, dated=dated), MANY)
        there = {row["name"] for row in await tx.connection.fetch(_KNOWN, table)}
        months = {Month(table, month) for month in (*known, *(row["month"] for row in rows))}
        missing += sorted(month for month in months if month.name not in there)
    return missing


async def alone(tx: Tx) -> None:
    """Said first by who makes or drops partitions: everyone else's transaction has ended, and none begins before
    this one ends (`Database` locks the same tables in the same order).

    Raises asyncpg.LockNotAvailableError when another replica is at it, or somebody reads for longer than PATIENCE:
    all others wait behind.
    """
    if not await tx.connection.fetchval("select pg_try_advisory_xact_lock(hashtext('hadir.months'))"):
        raise asyncpg.LockNotAvailableError("another replica makes or drops months")
    await tx.connection.execute(f"set local lock_timeout = '{PATIENCE}'")
    await tx.connection.execute(HOLD_ALL)


async def make(tx: Tx, month: Month) -> int:
    """Make a partition, alone in its transaction; returns how many rows were moved into it. Raises as `alone`."""
    await alone(tx)
    return await tx.connection.fetchval(
        "select make_month($1, $2, $3)", month.table, DATED[month.table], month.first
    )
