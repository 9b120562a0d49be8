"""What is known of people, their plans and their units."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from services.attendance.domain.punches import Person, Plan
from shared.database import Tx
from shared.events import Place

# Places are looked at one by one, by every check-in there: a fact that came before they were bounded may hold any
# number of them, of which the first two hundred count.
_PEOPLE = """
    select employee_id, opd_code, unit_id, supervisor_id, acting_supervisor_id, heads,
        jsonb_path_query_array(remote_places, '$[0 to 199]') as remote_places, active
    from employee_fact where employee_id = any($1::uuid[]) and opd_code is not null
"""
_PLANS = """
    select employee_id, work_date, opd_code, unit_id, starts_at, ends_at
    from plan_fact where employee_id = any($1::uuid[]) and work_date between $2 and $3
"""
_PLACES = """
    select unit_id, jsonb_path_query_array(places, '$[0 to 199]') as places
    from unit_fact where unit_id = any($1::text[])
"""


async def people(tx: Tx, employee_ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Those of `employee_ids` that the directory knows; an erased one it does not know."""
    return {
        row["employee_id"]: Person(
            row["employee_id"],
            row["opd_code"],
            row["unit_id"],
            row["supervisor_id"],
            row["acting_supervisor_id"],
            tuple(row["heads"]),
            tuple(Place(**place) for place in row["remote_places"]),
            row["active"],
        )
        for row in await tx.connection.fetch(_PEOPLE, list(employee_ids))
    }


async def plans(
    tx: Tx, employee_ids: Iterable[UUID], first: dt.date, last: dt.date
) -> dict[UUID, dict[dt.date, Plan]]:
    """The plans of people for the work dates from `first` to `last`, by work date."""
    by_person: dict[UUID, dict[dt.date, Plan]] = defaultdict(dict)
    for row in await tx.connection.fetch(_PLANS, list(employee_ids), first, last):
        employee_id, *rest = row
        plan = Plan(*rest)
        by_person[employee_id][plan.work_date] = plan
    return by_person


async def places(tx: Tx, unit_ids: Iterable[str]) -> dict[str, list[Place]]:
    """Where units are; a unit that the directory does not know is not in the answer."""
    return {
        row["unit_id"]: [Place(**place) for place in row["places"]]
        for row in await tx.connection.fetch(_PLACES, list(unit_ids))
    }
