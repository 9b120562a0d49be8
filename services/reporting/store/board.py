"""Everything the live board shows, from one look at the facts: the city, its OPD and its service points.

views.city, views.opds and views.units give the same figures one at a time; here they share their queries.
"""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from services.reporting import domain
from services.reporting.store import views

_COUNTS = """
    select opd_code, mode, on_time, place, hours, report, output, count(*) as n
    from verdicts($1, $1, $2) group by 1, 2, 3, 4, 5, 6, 7
"""
_COVERAGE = 'select * from coverage($1, $2) order by unit_id collate "C"'
_OPD_NAMES = """
    select distinct on (opd_code) opd_code, opd_name from fact_unit order by opd_code, revision desc, ce_id desc
"""


@dataclass(frozen=True, slots=True)
class Board:
    city: dict[str, Any]
    opds: list[dict[str, Any]]
    units: list[dict[str, Any]]


async def board(conn: Any, date: dt.date, as_of: dt.datetime) -> Board:
    """The three views of one date as of one instant."""
    await views.plan_for_whole_dates(conn)
    groups = await conn.fetch(_COUNTS, date, as_of)
    units = await conn.fetch(_COVERAGE, date, as_of)
    names = {row["opd_code"]: row["opd_name"] for row in await conn.fetch(_OPD_NAMES)}
    moment = {"date": date.isoformat(), "as_of": domain.text(as_of)}
    groups_of: dict[str, list[Any]] = defaultdict(list)
    units_of: dict[str, list[Any]] = defaultdict(list)
    for group in groups:
        groups_of[group["opd_code"]].append(group)
    for unit in units:
        units_of[unit["opd_code"]].append(unit)
    return Board(
        city={**moment, **domain.compliance(groups), "coverage": domain.coverage_summary(units)},
        opds=[
            {
                "opd_code": code,
                "opd_name": names.get(code, code),
                **moment,
                **domain.compliance(groups_of[code]),
                "coverage": domain.coverage_summary(units_of[code]),
            }
            for code in sorted({*names, *groups_of})
        ],
        units=[domain.coverage_figures(unit) for unit in units],
    )
