"""The doors of work reports: submit and revise one's own, review those of one's people."""

import datetime as dt
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Query, Response

from services.reporting.domain import reports as domain
from services.reporting.store import reports as store
from shared import outbox
from shared.access import REVIEW_REPORTS, Principal
from shared.auth import Employee, employee_of, require
from shared.cursors import encode_cursor, read_cursor
from shared.dates import local_date
from shared.events.base import Date
from shared.http import page
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/v1", tags=["work reports"])

Running = Annotated[Service, Depends(service_of)]
Reviewer = Annotated[Principal, Depends(require(REVIEW_REPORTS))]


Limit = Annotated[int, Query(ge=1, le=1000)]


@contextmanager
def _as_problems() -> Generator[None]:
    """The domain's refusals as HTTP says them: 409 for the state of things, 422 for the input."""
    try:
        yield
    except domain.Refused as refusal:
        raise Conflict(refusal.code, params=refusal.params, extra=refusal.extra) from refusal
    except domain.Invalid as error:
        errors = [FieldError(field, code, params) for field, code, params in error.mistakes]
        raise Invalid("validation", errors=errors) from error


def _view(report: domain.Report) -> dict[str, Any]:
    review = report.review
    return {
        "report_id": report.report_id,
        "work_date": report.work_date,
        "revision": report.revision,
        "submitted_at": report.submitted_at,
        "status": report.status,
        "items": [item.model_dump(mode="json") for item in report.items],
        "review": None
        if review is None
        else {
            "revision": review.revision,
            "decision": review.decision,
            "reviewed_at": review.reviewed_at,
            "items": [item.model_dump(mode="json") for item in review.items],
            "note": review.note,
        },
    }


@router.put("/me/reports/{work_date}", responses={201: {"description": "The first revision"}})
async def submit(
    *,
    work_date: Date,
    given: domain.ReportIn,
    employee_id: Employee,
    service: Running,
    response: Response,
) -> dict[str, Any]:
    """Submit or revise the day's report. 201 the first time, 200 after; the same content again changes nothing.

    409 after an accepted review. 422 for a work date beyond tomorrow or more than 35 days ago.
    """
    now = service.clock.now()
    with _as_problems():
        domain.check_work_date(work_date, local_date(now))
        items = domain.items_of(given)
    report_id = domain.report_id_of(employee_id, work_date)
    async with service.db.transaction() as tx:
        opd_code = await store.opd_of(tx.connection, employee_id, work_date)
        if opd_code is None:
            raise Conflict("report.not_in_directory", retry_after_s=5)
        first = domain.Report(report_id, employee_id, opd_code, work_date, 1, now, items)
        if await store.insert(tx.connection, first):
            report, created, changed = first, True, True
        else:
            held = await store.lock(tx.connection, report_id)
            assert held is not None  # noqa: S101 - the insert met this row, and rows are never deleted
            with _as_problems():
                report = domain.revise(held, items, opd_code, now)
            created, changed = False, report is not held
            if changed:
                await store.update(tx.connection, report)
        if changed:
            event_id = uuid5(report_id, f"submitted/{report.revision}")
            event = outbox.Outgoing(report.submitted(), event_id, report.submitted_at)
            await outbox.add(tx, [event], source=service.source)
    response.status_code = 201 if created else 200
    return _view(report)


@router.get("/me/reports")
async def own_reports(
    employee_id: Employee,
    service: Running,
    *,
    first: Annotated[Date, Query(alias="from")] = dt.date(1900, 1, 1),
    last: Annotated[Date, Query(alias="to")] = dt.date(2999, 12, 31),
    status: store.Status = "all",
    limit: Limit = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """One's own reports by work date, with the decision on each."""
    after = read_cursor(cursor, dt.date)[0] if cursor else None
    async with service.db.read() as tx:
        reports = await store.own(
            tx.connection, employee_id, status, first=first, last=last, after=after, limit=limit + 1
        )
    more = encode_cursor(reports[limit - 1].work_date) if len(reports) > limit else None
    return page([_view(report) for report in reports[:limit]], more)


@router.get("/me/reports/{work_date}")
async def own_report(work_date: Date, employee_id: Employee, service: Running) -> dict[str, Any]:
    """One's own report of one work date; 404 while there is none."""
    async with service.db.read() as tx:
        report = await store.get(tx.connection, domain.report_id_of(employee_id, work_date))
    if report is None:
        raise Missing("report.none", params={"work_date": work_date})
    return _view(report)


@router.get("/reports")
async def team_reports(
    who: Reviewer,
    service: Running,
    *,
    status: store.Status = "waiting",
    limit: Limit = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Reports of the people whose supervisor or acting deputy the caller is, oldest first."""
    superior = employee_of(who)
    after: tuple[dt.date, UUID] | None = None
    if cursor:
        day, report_id = read_cursor(cursor, dt.date, UUID)
        after = day, report_id
    async with service.db.read() as tx:
        found = await store.team(tx.connection, superior, status, after=after, limit=limit + 1)
    more = (
        encode_cursor(found[limit - 1][0].work_date, found[limit - 1][0].report_id) if len(found) > limit else None
    )
    items = [{"employee_id": report.employee_id, "name": name, **_view(report)} for report, name in found[:limit]]
    return page(items, more)


@router.post("/reports/{report_id}/reviews", responses={201: {"description": "A new decision"}})
async def review(
    *,
    report_id: UUID,
    given: domain.ReviewIn,
    who: Reviewer,
    service: Running,
    response: Response,
) -> dict[str, Any]:
    """Accept or return the newest revision of a report: 201, and 200 for exactly the same decision again.

    404 unless the caller is the author's supervisor or acting deputy, 403 for one's own report, 409 for
    another revision than the newest.
    """
    reviewer_id = employee_of(who)
    async with service.db.transaction() as tx:
        held = await store.lock(tx.connection, report_id)
        if held is None:
            raise Missing("report.unknown")
        if held.employee_id == reviewer_id:
            raise Forbidden("review.own")
        if not await store.may_review(tx.connection, held.employee_id, reviewer_id):
            raise Missing("report.unknown")
        with _as_problems():
            report = domain.review(held, given, reviewer_id, service.clock.now())
        decided = report.review
        assert decided is not None  # noqa: S101 - `domain.review` returns a report with a decision
        if report is not held:
            await store.update(tx.connection, report)
            event_id = uuid5(report_id, f"reviewed/{report.revision}/{decided.revision}")
            event = outbox.Outgoing(report.reviewed(), event_id, decided.reviewed_at)
            await outbox.add(tx, [event], source=service.source)
    response.status_code = 200 if report is held else 201
    return {
        "report_id": report_id,
        "report_revision": report.revision,
        "revision": decided.revision,
        "decision": decided.decision,
        "reviewed_at": decided.reviewed_at,
        "items": [item.model_dump(mode="json") for item in decided.items],
        "note": decided.note,
    }
