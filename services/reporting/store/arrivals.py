"""When people check in first, counted by quarters of an hour."""

import datetime as dt
from collections.abc import Sequence

from services.reporting.domain.arrivals import EDGES, Morning, morning
from services.reporting.store import planner
from shared.database import Tx

# Whoever is to be at the office or at home, by the plan and the punches of the same snapshot. A quarter of an hour
# is that whose end is the first edge not before the punch; null and the last place: later, or not at all.
_FIRST_COMING = """
    select plan.work_date, plan.opd_code, width_bucket(
        (extract(epoch from came.at - local_midnight(plan.work_date)) * 1000000)::bigint - 1, $4::bigint[]
    ) as place, count(*) as n
    from fact_plan as plan left join (
        select punch.work_date, punch.employee_id, min(punch.at) as at from fact_punch as punch
        where punch.work_date = any($1::date[]) and punch.kind = 'in' and punch.at <= $2
            and not exists (select from fact_void as void where void.punch_id = punch.punch_id)
        group by punch.work_date, punch.employee_id
    ) as came using (work_date, employee_id)
    where plan.work_date = any($1::date[]) and plan.mode in ('WFO', 'WFH')
        and ($3::text is null or plan.opd_code = $3)
    group by 1, 2, 3
"""
_EDGES_US = [edge // dt.timedelta(microseconds=1) for edge in EDGES]


async def mornings(
    tx: Tx, dates: Sequence[dt.date], as_of: dt.datetime, opd_code: str | None = None
) -> dict[dt.date, dict[str, Morning]]:
    """Who had come by when on each of these dates, as of an instant, by OPD or of one."""
    await planner.whole_dates(tx)
    rows = await tx.connection.fetch(_FIRST_COMING, list(dates), as_of, opd_code, _EDGES_US)
    counts: dict[dt.date, dict[str, dict[int, int]]] = {date: {} for date in dates}
    for row in rows:
        place = len(EDGES) if row["place"] is None else row["place"]
        of_opd = counts[row["work_date"]].setdefault(row["opd_code"], {})
        of_opd[place] = of_opd.get(place, 0) + row["n"]
    return {
        date: {code: morning(places, places.get(len(EDGES), 0)) for code, places in opds.items()}
        for date, opds in counts.items()
    }
