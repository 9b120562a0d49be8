"""Work reports as their authors and their superiors read them."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.reporting.domain.reports import Decision, Item, Known, Report, Review, copied, report_id_of
from services.reporting.store import catalogue, targets
from services.reporting.store import reports as store
from services.reporting.store.reports import Place, Status
from shared.database import Tx
from shared.events import Mode, ReviewedItem
from shared.refusals import Missing


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ReviewView(_View):
    """A decision. `revision` counts the decisions over the whole life of the report."""

    revision: int
    decision: Decision
    reviewed_at: dt.datetime
    items: Sequence[ReviewedItem]
    note: str | None


class ReportView(_View):
    """The report of one work date; `review` is null until its newest revision is decided on.

    `mode` is that of the day's plan when this revision was handed in. `late`: the first came after the cutoff.
    """

    report_id: UUID
    work_date: dt.date
    revision: int
    submitted_at: dt.datetime
    status: Literal["waiting", "accepted", "returned"]
    items: Sequence[Item]
    review: ReviewView | None
    mode: Mode | None
    late: bool = False


class _Author(_View):
    employee_id: UUID
    name: str | None = None


class TeamReportView(ReportView, _Author):
    """The report of one of one's people; `name` is null where the directory does not tell it."""


class _OfReport(_View):
    report_id: UUID
    report_revision: int


class DecisionView(ReviewView, _OfReport):
    """What was decided, on which revision of which report."""


class ReadyItem(_View):
    """An item as the body of a report takes it."""

    item_id: str
    task_code: str | None
    task: str
    quantity: float
    unit: str
    target: str | None


class CopyView(_View):
    """Items of the report of the work date `from`, ready to be edited; `left_out` are in force no more."""

    source: dt.date = Field(serialization_alias="from")
    items: Sequence[ReadyItem]
    left_out: Sequence[ReadyItem]


class _NamesTask(Protocol):
    @property
    def task_code(self) -> str | None: ...


class Named(Protocol):
    """A list of work that may name tasks of the catalogue."""

    @property
    def items(self) -> Sequence[_NamesTask]: ...


def shown(report: Report, *, late: bool) -> ReportView:
    return ReportView.model_validate(report).model_copy(update={"late": late})


async def opd_of(tx: Tx, employee_id: UUID, work_date: dt.date) -> str | None:
    """The OPD that a day's work belongs to; None while it is not known."""
    return await store.opd_of(tx, employee_id, work_date)


def decided(report: Report, review: Review) -> DecisionView:
    view = ReviewView.model_validate(review)
    return DecisionView(report_id=report.report_id, report_revision=report.revision, **dict(view))


async def of_day(tx: Tx, employee_id: UUID, work_date: dt.date) -> ReportView:
    """One's own report of one work date. Raises Missing while there is none."""
    report = await store.get(tx, report_id_of(employee_id, work_date))
    if report is None:
        raise Missing("report.none", params={"work_date": work_date})
    return shown(report, late=bool(await store.late(tx, [report.report_id])))


async def to_decide(tx: Tx, reviewer: UUID | None, employee_id: UUID, work_date: dt.date) -> ReportView | None:
    """Somebody's report of a work date, for whoever may decide on it; None for others and while there is none."""
    if reviewer is None or not await store.may_review(tx, employee_id, reviewer):
        return None
    report = await store.get(tx, report_id_of(employee_id, work_date))
    return report and shown(report, late=bool(await store.late(tx, [report.report_id])))


async def known_of(tx: Tx, employee_id: UUID, work_date: dt.date, given: Named) -> Known:
    """What the items of a report, or of what resembles one, may refer to."""
    codes = {item.task_code for item in given.items if item.task_code is not None}
    return Known(
        await store.opd_of(tx, employee_id, work_date),
        await catalogue.in_force(tx, work_date, codes),
        await targets.codes(tx, employee_id, work_date.year),
    )


async def copy(tx: Tx, employee_id: UUID, work_date: dt.date, source: dt.date | None) -> CopyView:
    """The items of one's report of `source`, the newest earlier one when it is left out, for `work_date`.

    Raises Missing where there is none.
    """
    if source is None:
        report = await store.latest_before(tx, employee_id, work_date)
    else:
        report = await store.get(tx, report_id_of(employee_id, source))
    if report is None:
        raise Missing("report.none_to_copy", params={"work_date": work_date})
    taken = copied(report.items, await known_of(tx, employee_id, work_date, report))
    return CopyView(
        source=report.work_date,
        items=[ReadyItem.model_validate(item, from_attributes=True) for item in taken.items],
        left_out=[ReadyItem.model_validate(item, from_attributes=True) for item in taken.left_out],
    )


async def own(
    tx: Tx,
    employee_id: UUID,
    status: Status,
    *,
    first: dt.date,
    last: dt.date,
    after: dt.date | None,
    limit: int,
) -> list[ReportView]:
    """One's own reports of the work dates from `first` to `last`, at most `limit` after `after`."""
    reports = await store.own(tx, employee_id, status, first=first, last=last, after=after, limit=limit)
    late = await store.late(tx, [report.report_id for report in reports])
    return [shown(report, late=report.report_id in late) for report in reports]


async def team(tx: Tx, superior: UUID, status: Status, *, after: Place | None, limit: int) -> list[TeamReportView]:
    """The reports of those whose supervisor or acting deputy `superior` is, oldest first."""
    listed = await store.team(tx, superior, status, after=after, limit=limit)
    late = await store.late(tx, [report.report_id for report, _ in listed])
    return [
        TeamReportView.model_validate(report).model_copy(update={"name": name, "late": report.report_id in late})
        for report, name in listed
    ]
