"""The views of product.md section 11 as plain data: each is one or two queries, shaped by pure functions.

`conn` is an asyncpg connection inside a transaction, best that of `Database.read()`: one snapshot for a view.
Dates are local work dates; `as_of` is an aware instant. Instants in the results are RFC 3339 text in UTC.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from services.reporting.domain import figures
from services.reporting.store.explain import explain
from shared.access import SUPERIOR
from shared.events import DUTIES

_COUNTS = """
    select opd_code, mode, on_time, place, hours, report, output, count(*) as n
    from verdicts($1, $1, $2, null, $3) group by 1, 2, 3, 4, 5, 6, 7
"""
_OPD_NAMES = """
    select distinct on (opd_code) opd_code, opd_name from fact_unit
    where $1::text is null or opd_code = $1
    order by opd_code, revision desc, ce_id desc
"""
_PEOPLE = """
    select employee_id, mode, on_time, place, hours, report, output
    from verdicts($1, $1, $2, null, $3)
    where $4::uuid is null or employee_id > $4
    order by employee_id limit $5
"""
_COVERAGE = 'select * from coverage($1, $2, null, $3) order by unit_id collate "C"'
_PIECES = "select * from coverage_pieces($1, $2, $3) order by from_at"
_SUPERIORS = f"""
    select officer.employee_id from fact_employee person, fact_employee officer
    where person.employee_id = $1 and not person.erased and not officer.erased and {SUPERIOR}
"""  # noqa: S608
_UNIT = "select * from coverage($1, $2, $3)"


async def plan_for_whole_dates(conn: Any) -> None:
    """Planner settings, for this transaction, under which a whole city's date is a few hash joins.

    A date that began after the last ANALYZE looks empty to the planner, and a nested loop over 24,000 people
    is what it then would choose.
    """
    await conn.execute(
        "select set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true), "
        "set_config('work_mem', '64MB', true), "
        "set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true)"
    )


async def plan_for_one(conn: Any) -> None:
    """Planner settings, for this transaction, for the rows of one person or unit."""
    await conn.execute(
        "select set_config('enable_nestloop', 'on', true), "
        "set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true)"
    )


async def city(conn: Any, date: dt.date, as_of: dt.datetime) -> dict[str, Any]:
    """The city on one date: people by mode and duty, service points by status."""
    await plan_for_whole_dates(conn)
    groups = await conn.fetch(_COUNTS, date, as_of, None)
    units = await conn.fetch(_COVERAGE, date, as_of, None)
    return {
        "date": date.isoformat(),
        "as_of": figures.text(as_of),
        **figures.compliance(groups),
        "coverage": figures.coverage_summary(units),
    }


async def opds(conn: Any, date: dt.date, as_of: dt.datetime, opd_code: str | None = None) -> list[dict[str, Any]]:
    """The same for each OPD that has a unit or a plan for the date, or for one; by opd_code.

    An OPD is counted by what its plans and units say. One that no unit names yet has its code for a name.
    """
    await plan_for_whole_dates(conn)
    groups = await conn.fetch(_COUNTS, date, as_of, opd_code)
    units = await conn.fetch(_COVERAGE, date, as_of, opd_code)
    names = {row["opd_code"]: row["opd_name"] for row in await conn.fetch(_OPD_NAMES, opd_code)}
    groups_of, units_of = _by_opd(groups), _by_opd(units)
    return [
        {
            "opd_code": code,
            "opd_name": names.get(code, code),
            "date": date.isoformat(),
            "as_of": figures.text(as_of),
            **figures.compliance(groups_of.get(code, ())),
            "coverage": figures.coverage_summary(units_of.get(code, ())),
        }
        for code in sorted({*names, *groups_of})
    ]


def _by_opd(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["opd_code"], []).append(row)
    return found


async def people(  # noqa: PLR0917 - its callers' order
    conn: Any, opd_code: str, date: dt.date, as_of: dt.datetime, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Those whose plan for the date names the OPD, by employee_id, at most `limit` after `after`."""
    await plan_for_whole_dates(conn)
    rows = await conn.fetch(_PEOPLE, date, as_of, opd_code, after, limit)
    return [
        {
            "employee_id": str(row["employee_id"]),
            "mode": row["mode"],
            "duties": {duty: row[duty] for duty in DUTIES},
        }
        for row in rows
    ]


async def person_day(conn: Any, employee_id: UUID, date: dt.date, as_of: dt.datetime) -> dict[str, Any]:
    """One person's date with the reason for each state.

    `because` is {code, params}: a code `<duty>.<rule branch>` and the values that the branch compared.
    `event_ids` are the ce_ids of the facts that decided, the plan first. Without a plan nothing is due.
    """
    await plan_for_one(conn)
    return await explain(conn, employee_id, date, as_of)


async def units(conn: Any, date: dt.date, as_of: dt.datetime, opd_code: str | None = None) -> list[dict[str, Any]]:
    """Every service point, or those of one OPD, by unit_id."""
    await plan_for_whole_dates(conn)
    return [figures.coverage_figures(row) for row in await conn.fetch(_COVERAGE, date, as_of, opd_code)]


async def unit_timeline(conn: Any, unit_id: str, date: dt.date, as_of: dt.datetime) -> dict[str, Any] | None:
    """One service point's date with its segments; None when there is no such service point."""
    await plan_for_one(conn)
    unit = await conn.fetchrow(_UNIT, date, as_of, [unit_id])
    if unit is None:
        return None
    segments = figures.merged(await conn.fetch(_PIECES, date, as_of, [unit_id]))
    return {
        **figures.coverage_figures(unit),
        "date": date.isoformat(),
        "as_of": figures.text(as_of),
        "segments": [
            {**segment, "from": figures.text(segment["from"]), "to": figures.text(segment["to"])}
            for segment in segments
        ],
    }


async def superiors_of(conn: Any, employee_id: UUID) -> set[UUID]:
    """Who answers for the employee (`shared.access.is_superior`); empty for someone unknown or erased."""
    rows = await conn.fetch(_SUPERIORS, employee_id)
    return {row["employee_id"] for row in rows}
