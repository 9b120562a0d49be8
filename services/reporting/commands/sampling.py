"""What an auditor finds in a report of the weekly audit."""

from uuid import UUID

from services.reporting.domain.sampling import MOST, FindingIn, Week, check_examiner
from services.reporting.store import reports
from services.reporting.store import sampling as store
from services.reporting.views.sampling import FindingView, draw, finding
from shared import audit
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database
from shared.refusals import Missing


async def find(  # noqa: PLR0917 - who found what in which report of which sample
    db: Database, clock: Clock, who: Principal, opd_code: str, week: Week, report_id: UUID, found: FindingIn
) -> FindingView:
    """Store a finding; the same again changes nothing.

    Raises Missing for a report that is not drawn, Forbidden for one's own and for one that one decided on.
    """
    examiner, now = employee_of(who), clock.now()
    async with db.transaction() as tx:
        held = await reports.lock(tx, report_id)
        _, drawn = await draw(tx, opd_code, week, now, MOST)
        if held is None or report_id not in drawn:
            raise Missing("sample.not_drawn", params={"week": week.name, "opd_code": opd_code})
        check_examiner(examiner, held.employee_id, await store.reviewers(tx, report_id))
        if await store.put(tx, report_id, found, now, examiner):
            detail = {"opd_code": opd_code, "week": week.name, "revision": held.revision, "error": found.error}
            await audit.add(tx, now, who, "sample.found", subject=report_id, reason=found.reason, detail=detail)
        return await finding(tx, report_id)
