"""The SQL of what is missing where work is planned: people without a plan, units without people."""

import datetime as dt
from typing import NamedTuple

from services.reporting.store.people import Somebody
from shared.database import Tx

_UNPLANNED = """
    select person.employee_id, person.name, person.opd_code, person.unit_id, unit.name as unit_name,
        count(*) over () as of_all
    from fact_employee as person left join fact_unit as unit using (unit_id)
    where person.active and not person.erased and ($2::text is null or person.opd_code = $2)
        and not exists (
            select from fact_plan as plan where plan.employee_id = person.employee_id and plan.work_date = $1)
    order by person.opd_code, person.name, person.employee_id limit $3
"""
_EMPTY = """
    select unit_id, name, opd_name, is_service_point from fact_unit as unit
    where ($1::text is null or opd_code = $1)
        and not exists (select from fact_employee as person where person.unit_id = unit.unit_id and person.active)
    order by not is_service_point, opd_name, name, unit_id limit $2
"""


class EmptyUnit(NamedTuple):
    """A unit that nobody belongs to."""

    unit_id: str
    name: str
    opd_name: str
    is_service_point: bool


async def unplanned(tx: Tx, date: dt.date, opd_code: str | None, limit: int) -> tuple[int, list[Somebody]]:
    """How many active people have no plan for a date, of an OPD or of all, and the first of them by name."""
    rows = await tx.connection.fetch(_UNPLANNED, date, opd_code, limit)
    people = [Somebody(**{name: row[name] for name in Somebody._fields}) for row in rows]
    return next((row["of_all"] for row in rows), 0), people


async def empty_units(tx: Tx, opd_code: str | None, limit: int) -> list[EmptyUnit]:
    """Units of an OPD, or of all, to which no active person belongs; those with counters first."""
    return [EmptyUnit(**dict(row)) for row in await tx.connection.fetch(_EMPTY, opd_code, limit)]
