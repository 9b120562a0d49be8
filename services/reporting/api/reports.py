"""The doors of work reports: submit and revise one's own, review those of one's people."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.reporting.api.kept import WrittenDate
from services.reporting.commands import reports as commands
from services.reporting.domain.reports import ReportIn, ReviewIn
from services.reporting.views import reports as views
from services.reporting.views.reports import CopyView, DecisionView, Place, ReportView, Status, TeamReportView
from shared.access import REVIEW_REPORTS, Principal
from shared.auth import Employee, employee_of, require
from shared.cursors import Limit, Page, cut, read_cursor
from shared.events.base import Date
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/v1", tags=["work reports"])

Running = Annotated[Service, Depends(service_of)]
Reviewer = Annotated[Principal, Depends(require(REVIEW_REPORTS))]


@router.put("/me/reports/{work_date}", responses={201: {"model": ReportView, "description": "The first revision"}})
async def submit(
    *,
    work_date: WrittenDate,
    given: ReportIn,
    employee_id: Employee,
    service: Running,
    response: Response,
) -> ReportView:
    """Submit or revise the day's report. 201 the first time, 200 after; the same content again changes nothing.

    An item with `task_code` takes name, unit and norm from the catalogue in force on the work date. 409 after an
    accepted review. 422 for a work date beyond tomorrow, and for a task that the catalogue does not hold then. A
    report after the cutoff is taken, and says so (`late`).
    """
    submitted = await commands.submit(service.db, service.clock, employee_id, work_date, given)
    response.status_code = 201 if submitted.created else 200
    return views.shown(submitted.report, late=submitted.late)


@router.get("/me/reports")
async def own_reports(
    employee_id: Employee,
    service: Running,
    *,
    first: Annotated[Date, Query(alias="from")] = dt.date(1900, 1, 1),
    last: Annotated[Date, Query(alias="to")] = dt.date(2999, 12, 31),
    status: Status = "all",
    limit: Limit = 100,
    cursor: str | None = None,
) -> Page[ReportView]:
    """One's own reports by work date, with the decision on each."""
    (after,) = read_cursor(cursor, dt.date) if cursor else (None,)
    async with service.db.read() as tx:
        reports = await views.own(tx, employee_id, status, first=first, last=last, after=after, limit=limit + 1)
    return cut(reports, limit, lambda report: [report.work_date])


@router.get("/me/reports/{work_date}")
async def own_report(work_date: Date, employee_id: Employee, service: Running) -> ReportView:
    """One's own report of one work date; 404 while there is none."""
    async with service.db.read() as tx:
        return await views.of_day(tx, employee_id, work_date)


@router.get("/me/reports/{work_date}/copy")
async def copy(
    work_date: Date,
    employee_id: Employee,
    service: Running,
    *,
    source: Annotated[Date | None, Query(alias="from")] = None,
) -> CopyView:
    """The items of one's own earlier report, ready to edit for `work_date`: of `from`, else the newest before it.

    Nothing is stored. Norms and units are those in force on `work_date`; evidence stays where it is.
    """
    async with service.db.read() as tx:
        return await views.copy(tx, employee_id, work_date, source)


@router.get("/reports")
async def team_reports(
    who: Reviewer,
    service: Running,
    *,
    status: Status = "waiting",
    limit: Limit = 100,
    cursor: str | None = None,
) -> Page[TeamReportView]:
    """Reports of the people whose supervisor or acting deputy the caller is, oldest first."""
    superior = employee_of(who)
    after = Place(*read_cursor(cursor, dt.date, UUID)) if cursor else None
    async with service.db.read() as tx:
        reports = await views.team(tx, superior, status, after=after, limit=limit + 1)
    return cut(reports, limit, lambda report: [report.work_date, report.report_id])


@router.post(
    "/reports/{report_id}/reviews", responses={201: {"model": DecisionView, "description": "A new decision"}}
)
async def review(
    *,
    report_id: UUID,
    given: ReviewIn,
    who: Reviewer,
    service: Running,
    response: Response,
) -> DecisionView:
    """Accept or return the newest revision of a report: 201, and 200 for exactly the same decision again.

    404 unless the caller is the author's supervisor or acting deputy, 403 for one's own report, 409 for
    another revision than the newest.
    """
    reviewed = await commands.review(service.db, service.clock, who, report_id, given)
    response.status_code = 201 if reviewed.decided else 200
    return views.decided(reviewed.report, reviewed.review)
