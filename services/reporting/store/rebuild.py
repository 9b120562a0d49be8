"""Emptying the fact tables, and the marker that stands while they are incomplete, or their steps are."""

from collections.abc import Iterable

from services.reporting.store import facts, months, steps
from shared.database import Tx


async def empty(tx: Tx, tables: Iterable[str]) -> None:
    """Empty the fact tables and leave the marker that keeps the ticker still."""
    # Waits for every transaction under way: for a snapshot from before, nothing would be there, nor be touched.
    await tx.connection.execute(months.HOLD_ALL)
    # The ticker's lock: its transaction under way ends before the facts go.
    await tx.connection.execute("select pg_advisory_xact_lock(hashtext('hadir.transitions'))")
    await tx.connection.execute("delete from rebuilding where not unfinished")
    await tx.connection.execute("insert into rebuilding (unfinished) values (true) on conflict do nothing")
    computed = "touched, touched_counter, person_day, person_output, person_task, counter_day"
    await tx.connection.execute(f"truncate {', '.join(tables)}, {computed}")
    # Nothing is computed meanwhile: whoever looks at a date judges it by what has been read so far.
    await steps.touch(tx, [(None, None)])


async def rebuilt(tx: Tx, tables: Iterable[str]) -> None:
    """The facts are complete: let the ticker and whoever computes go on; every date is to be computed."""
    await tx.connection.execute(f"analyze {', '.join(tables)}")
    # Waits for folds that noted nothing because of it. From here on only steps are lacking.
    await tx.connection.execute("delete from rebuilding where unfinished")
    await tx.connection.execute("insert into rebuilding (unfinished) values (false) on conflict do nothing")
    await steps.touch(tx, [(None, None)])
    await facts.tell(tx)


async def may_follow(tx: Tx, lock: str) -> bool:
    """Take the lock of a task that tells what follows from the facts, for this transaction: false if another
    process has it or a rebuild is not done."""
    locked = await tx.connection.fetchval("select pg_try_advisory_xact_lock(hashtext($1))", lock)
    return bool(locked) and not await tx.connection.fetchval(
        "select exists (select from rebuilding where unfinished)"
    )


async def lacks_steps(tx: Tx) -> bool:
    """Whether a rebuild was broken off that had all its facts, and some dates are still not computed."""
    return bool(
        await tx.connection.fetchval(
            "select exists (select from rebuilding where not unfinished) "
            "and not exists (select from rebuilding where unfinished) "
            "and exists (select from touched where employee_id is null)"
        )
    )
