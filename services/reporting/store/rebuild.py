"""Emptying the fact tables, and the marker that stands while they are incomplete."""

from collections.abc import Iterable

from services.reporting.store import facts, months, steps
from shared.database import Tx


async def empty(tx: Tx, tables: Iterable[str]) -> None:
    """Empty the fact tables and leave the marker that keeps the ticker still."""
    # Waits for every transaction under way: for a snapshot from before, nothing would be there, nor be touched.
    await tx.connection.execute(months.HOLD_ALL)
    # The ticker's lock: its transaction under way ends before the facts go.
    await tx.connection.execute("select pg_advisory_xact_lock(hashtext('hadir.transitions'))")
    await tx.connection.execute("insert into rebuilding (unfinished) values (true) on conflict do nothing")
    await tx.connection.execute(f"truncate {', '.join(tables)}, touched, touched_counter, person_day, counter_day")
    # Nothing is computed meanwhile: whoever looks at a date judges it by what has been read so far.
    await steps.touch(tx, [(None, None)])


async def rebuilt(tx: Tx, tables: Iterable[str]) -> None:
    """Take the marker away; every date of the last weeks is looked at again."""
    await tx.connection.execute(f"analyze {', '.join(tables)}")
    await tx.connection.execute("delete from rebuilding")  # waits for folds that noted nothing because of it
    await steps.touch(tx, [(None, None)])
    await facts.tell(tx)
