"""Emptying the fact tables, and the marker that stands while they are incomplete."""

from collections.abc import Iterable

from services.reporting.store import facts
from shared.database import Tx


async def empty(tx: Tx, tables: Iterable[str]) -> None:
    """Empty the fact tables and leave the marker that keeps the ticker still."""
    # The ticker's lock: its transaction under way ends before the facts go.
    await tx.connection.execute("select pg_advisory_xact_lock(hashtext('hadir.transitions'))")
    await tx.connection.execute("insert into rebuilding (unfinished) values (true) on conflict do nothing")
    await tx.connection.execute(
        f"truncate {', '.join(tables)}, touched, touched_counter, touched_date, next_due, person_day, counter_day"
    )


async def rebuilt(tx: Tx, tables: Iterable[str]) -> None:
    """Take the marker away; every date of the last weeks is looked at again."""
    await tx.connection.execute(f"analyze {', '.join(tables)}")
    await tx.connection.execute("delete from rebuilding")
    await facts.touch(tx, [None])
