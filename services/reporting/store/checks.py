"""What was computed from the facts beside what a fresh computation makes of them, for one date."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from services.reporting.store import output, planner
from services.reporting.store.steps import KEPT
from shared.database import Tx

_STATES = ", ".join(("work_date", "employee_id", *KEPT))
_DIFFERING = f"""
    with stored as materialized (
        select {_STATES} from person_day where work_date = $1 and ($2::uuid[] is null or employee_id = any($2))
    ), fresh as materialized (
        select {_STATES} from verdict_steps($1, $1, $2)
    )
    select coalesce(stored.employee_id, fresh.employee_id) as employee_id
    from stored full join fresh on fresh.employee_id = stored.employee_id
    where stored is distinct from fresh and not exists (
        select from touched
        where touched.work_date is null or touched.work_date = $1
            and (touched.employee_id is null
                or touched.employee_id = coalesce(stored.employee_id, fresh.employee_id))
    )
    order by 1
"""  # noqa: S608 - constants of this file
_DIGESTS = f"""
    select (select md5(string_agg(stored::text, chr(10) order by employee_id)) from (
            select {_STATES} from person_day where work_date = $1
        ) as stored) as stored,
        (select md5(string_agg(fresh::text, chr(10) order by employee_id)) from (
            select {_STATES} from verdict_steps($1, $1)
        ) as fresh) as fresh
"""  # noqa: S608 - constants of this file


_EVERYONE = """
    select employee_id from fact_plan where work_date = $1
    union select employee_id from person_day where work_date = $1
    union select employee_id from person_output where work_date = $1
    union select employee_id from person_task where work_date = $1
    order by 1
"""


async def differing(tx: Tx, date: dt.date, people: Sequence[UUID] | None = None) -> list[UUID]:
    """Whose rows of the date, of everyone or of some, are others than the facts make them, though nothing of
    theirs waits."""
    await (planner.whole_dates(tx) if people is None else planner.some_people(tx))
    rows = await tx.connection.fetch(_DIFFERING, date, people)
    return sorted({row["employee_id"] for row in rows}.union(await output.differing(tx, date, people)))


async def everyone(tx: Tx, date: dt.date) -> list[UUID]:
    """Who has a plan for the date, or a row of what was computed."""
    return [row["employee_id"] for row in await tx.connection.fetch(_EVERYONE, date)]


async def digests(tx: Tx, date: dt.date) -> tuple[str, str]:
    """The MD5s of the date's rows, of duties and of output, as they are stored, and as the facts make them."""
    await planner.whole_dates(tx)
    await tx.connection.execute("select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true)")
    rows = [await tx.connection.fetchrow(query, date) for query in (_DIGESTS, output.DIGESTS)]
    stored, fresh = ([str(row[name]) for row in rows if row is not None] for name in ("stored", "fresh"))
    return " ".join(stored), " ".join(fresh)


async def counters_waiting(tx: Tx, day: dt.date) -> set[str]:
    """The counters whose date is still to be counted, or may be reached by who is still to be computed: no reader
    looks their rows up."""
    rows = await tx.connection.fetch(
        "select unit_id from touched_counter where day = $1 union select unit_id from uncounted($1, 'infinity')",
        day,
    )
    return {row["unit_id"] for row in rows}
