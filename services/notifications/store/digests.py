"""Sums of a week, by OPD."""

import datetime as dt

from services.notifications.domain.digests import Tally
from shared.database import Tx


async def tallies(tx: Tx, first: dt.date, last: dt.date) -> list[Tally]:
    """What was heard of person-days of these dates, by the OPD that planned them."""
    rows = await tx.connection.fetch(
        """
        select p.opd_code, s.duty, s.state, count(*) as number
        from duty_state s join plan p using (employee_id, work_date)
        where s.work_date between $1 and $2 and s.state in ('met', 'not_met', 'unknown')
        group by p.opd_code, s.duty, s.state order by p.opd_code, s.duty, s.state
        """,
        first,
        last,
    )
    return [Tally(**row) for row in rows]


async def people(tx: Tx, first: dt.date, last: dt.date) -> int:
    """How many people have had plans on these dates."""
    return await tx.connection.fetchval(
        "select count(distinct employee_id) from plan where work_date between $1 and $2", first, last
    )


async def waiting(tx: Tx, since: dt.date) -> dict[str, int]:
    """Reports that wait for a review, of work dates since then, by the OPD where their people are posted now."""
    rows = await tx.connection.fetch(
        """
        select p.opd_code, count(*) as waiting
        from report r join recipient p using (employee_id)
        where r.work_date >= $1 and p.active and p.opd_code is not null
            and not exists (
                select from review v where v.report_id = r.report_id and v.report_revision = r.revision)
        group by p.opd_code
        """,
        since,
    )
    return {row["opd_code"]: row["waiting"] for row in rows}
