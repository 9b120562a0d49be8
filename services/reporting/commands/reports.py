"""Work reports: one's own is submitted and revised, those of one's people are reviewed."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID, uuid5

from services.reporting.domain import reports
from services.reporting.domain.reports import Report, Review, ReviewIn
from services.reporting.store import drafts, evidence
from services.reporting.store import reports as store
from services.reporting.views.reports import known_of
from shared import audit, failures, outbox
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database
from shared.dates import local_date
from shared.events import source_of
from shared.failures import Fault
from shared.refusals import Conflict, Forbidden, Missing, Refused

SOURCE = source_of("reporting")

log = logging.getLogger(__name__)


class Submitted(NamedTuple):
    """The report as it stands now, whether this was its first revision, and whether that came after the cutoff."""

    report: Report
    created: bool
    late: bool


class Reviewed(NamedTuple):
    """The report and the decision on it, and whether this decided anything."""

    report: Report
    review: Review
    decided: bool


async def submit(
    db: Database, clock: Clock, employee_id: UUID, work_date: dt.date, given: reports.ReportIn
) -> Submitted:
    """Submit or revise the report of one work date. The same content again changes nothing.

    Raises Conflict after an accepted review or while the directory does not know the person, Invalid for a work
    date beyond tomorrow and for items that share an id or name no task of the catalogue.
    """
    now = clock.now()
    reports.check_work_date(work_date, local_date(now))
    report_id = reports.report_id_of(employee_id, work_date)
    async with db.transaction() as tx:
        opd_code = await store.opd_of(tx, employee_id, work_date)
        if opd_code is None:
            raise Conflict("report.not_in_directory", retry_after_s=5)
        named = {evidence_id for item in given.items for evidence_id in item.evidence}
        usable = await evidence.usable(tx, employee_id, work_date, named)
        known = await known_of(tx, employee_id, work_date, given)
        items = reports.items_of(given, replace(known, evidence=usable))
        mode = await store.mode_of(tx, employee_id, work_date)
        first = Report(report_id, employee_id, opd_code, work_date, 1, now, items, mode=mode)
        if await store.insert(tx, first):
            held, report = None, first
        else:
            held = await store.lock(tx, report_id)
            assert held is not None  # noqa: S101 - the insert met this row, and those of dates that take reports stay
            report = reports.revise(held, items, opd_code, now, mode)
        if report is not held:
            if held is not None:
                await store.update(tx, report)
            event_id = uuid5(report_id, f"submitted/{report.revision}")
            event = outbox.Outgoing(report.submitted(), event_id, report.submitted_at)
            await outbox.add(tx, [event], source=SOURCE)
            await evidence.report(tx, named)
        await drafts.drop(tx, employee_id, work_date)
        late = bool(await store.late(tx, [report_id]))
    return Submitted(report, created=held is None, late=late)


async def review(db: Database, clock: Clock, who: Principal, report_id: UUID, given: ReviewIn) -> Reviewed:
    """Accept or return the newest revision of a report. Exactly the same decision again changes nothing.

    Raises Missing unless the reviewer is the author's supervisor or acting deputy, Forbidden for one's own report,
    Conflict for another revision than the newest, Invalid for wrong quantities.
    """
    reviewer_id = employee_of(who)
    async with db.transaction() as tx:
        held = await store.lock(tx, report_id)
        if held is None:
            raise Missing("report.unknown")
        if held.employee_id == reviewer_id:
            raise Forbidden("review.own")
        if not await store.may_review(tx, held.employee_id, reviewer_id):
            raise Missing("report.unknown")
        report = reports.review(held, given, reviewer_id, clock.now())
        decision = report.review
        assert decision is not None  # noqa: S101 - `reports.review` returns a report with a decision
        if report is not held:
            await store.update(tx, report)
            await audit.add(
                tx,
                decision.reviewed_at,
                who,
                f"report.{decision.decision}",
                subject=report_id,
                reason=decision.note,
                detail={
                    "employee_id": report.employee_id,
                    "work_date": report.work_date,
                    "report_revision": report.revision,
                    "revision": decision.revision,
                    "accepted": {str(item.item_id): item.accepted_quantity for item in decision.items},
                },
            )
            event_id = uuid5(report_id, f"reviewed/{report.revision}/{decision.revision}")
            event = outbox.Outgoing(report.reviewed(), event_id, decision.reviewed_at)
            await outbox.add(tx, [event], source=SOURCE)
    return Reviewed(report, decision, decided=report is not held)


async def review_each(
    db: Database, clock: Clock, who: Principal, given: Sequence[tuple[UUID, ReviewIn]]
) -> list[Reviewed | Exception]:
    """What `review` comes to for each, in order, or why it came to nothing; none holds back another.

    Each in a transaction of its own: two officers who decide on the same reports in different orders cannot block
    one another, and what is decided stays decided. Raises a failure of the world, or of a wrong deploy.
    """
    outcomes: list[Reviewed | Exception] = []
    for report_id, decision in given:
        try:
            outcomes.append(await review(db, clock, who, report_id, decision))
        except Refused as refused:
            outcomes.append(refused)
        except Exception as error:
            if failures.fault_of(error) in (Fault.WORLD, Fault.DEPLOY):
                raise
            log.exception("a review of many failed")
            outcomes.append(error)
    return outcomes
