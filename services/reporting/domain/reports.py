"""What may be done with a work report, and what comes of it. Pure: no clock, no input or output.

A report is revised until a revision is accepted. A review decides on the newest revision only, and may be
changed by a later review; its revision grows over the whole life of the report.
"""

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID, uuid5

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from services.reporting.domain import Exact
from services.reporting.domain.catalogue import Task
from shared.events import Mode, ReportItem, ReportReviewed, ReportSubmitted, ReviewedItem
from shared.events.base import MAX_ITEMS, Revision
from shared.events.base import UUID as EventUUID
from shared.personal import NamesNobody
from shared.refusals import Conflict, FieldError, Invalid, wrong

Decision = Literal["accepted", "returned"]


def printable(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in value):
        raise wrong("wrong.control")
    return value


Id = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(printable),
    NamesNobody,
]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(printable),
    NamesNobody,
]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(printable)]
# Strict, so that "5" or true is a mistake to mend and not a number.
Amount = Annotated[float, Field(ge=0, le=1e9, strict=True)]


MOST_EVIDENCE = 10
"""Files that one item may name."""


class Item(ReportItem):
    """An item as it is kept: the event's, and which files show it. Other systems get their count."""

    evidence: tuple[UUID, ...] = ()

    def published(self) -> ReportItem:
        return ReportItem.model_validate(self.model_dump(exclude={"evidence"}))


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ItemIn(_Input):
    """One piece of output as its author writes it. Without `item_id` its place in the list is its id.

    With `task_code` name, unit and norm are those of the catalogue; without it `task` and `unit` are free text and
    there is no norm. `norm_minutes` and `evidence_count` are taken and not believed: a norm is no employee's to
    set, and evidence is counted where it lies.
    """

    item_id: Id | None = None
    task_code: Id | None = None
    task: Line = ""
    quantity: Amount
    unit: Id = ""
    target: Id | None = None
    """The code of one of the author's targets of the year."""
    norm_minutes: Annotated[float, Field(ge=0, le=100_000, strict=True)] | None = None
    evidence_count: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    evidence: Annotated[list[EventUUID], Field(max_length=MOST_EVIDENCE)] = []
    """Files of the same work date that show it, by `evidence_id`."""


class ReportIn(_Input):
    """The whole of a day's output. An empty list is a report too: "measured, and nothing"."""

    items: Annotated[list[ItemIn], Field(max_length=MAX_ITEMS)]


class ReviewItemIn(_Input):
    item_id: Id
    accepted_quantity: Amount


class ReviewIn(_Input):
    """A decision on one revision. Accepting without `items` accepts every quantity in full."""

    # Named as in the event; the short name is what most will write.
    revision: Annotated[Revision, Field(ge=1, validation_alias=AliasChoices("revision", "report_revision"))]
    decision: Decision
    items: Annotated[list[ReviewItemIn], Field(max_length=MAX_ITEMS)] = []
    note: Note | None = None


MOST_REVIEWS = 200
"""Decisions in one call."""


class ReviewOf(ReviewIn):
    """A decision that names its report."""

    report_id: UUID


class ReviewsIn(Exact):
    """Decisions on many reports."""

    reviews: Annotated[list[Any], Field(max_length=MOST_REVIEWS)]
    """Each is read on its own, so that one bad decision does not hold back the others."""


@dataclass(frozen=True, slots=True)
class Review:
    """The newest decision on the newest revision of a report."""

    revision: int
    decision: Decision
    reviewed_at: dt.datetime
    reviewer_id: UUID
    items: tuple[ReviewedItem, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """The present state of one employee's report for one work date."""

    report_id: UUID
    employee_id: UUID
    opd_code: str
    work_date: dt.date
    revision: int
    submitted_at: dt.datetime
    items: tuple[Item, ...]
    reviews: int = 0
    """How many reviews there have been, over all revisions."""
    review: Review | None = field(default=None)
    mode: Mode | None = None
    """Of the day's plan, as it was known when this revision was handed in."""

    @property
    def status(self) -> Literal["waiting", "accepted", "returned"]:
        return self.review.decision if self.review else "waiting"

    def submitted(self) -> ReportSubmitted:
        return ReportSubmitted(
            report_id=self.report_id,
            employee_id=self.employee_id,
            opd_code=self.opd_code,
            work_date=self.work_date,
            revision=self.revision,
            submitted_at=self.submitted_at,
            items=[item.published() for item in self.items],
            mode=self.mode,
        )

    def reviewed(self) -> ReportReviewed:
        """The event of the newest review. The note stays here: it may speak of a person's health."""
        assert self.review is not None  # noqa: S101 - only called on what `review` returned
        return ReportReviewed(
            report_id=self.report_id,
            employee_id=self.employee_id,
            work_date=self.work_date,
            report_revision=self.revision,
            revision=self.review.revision,
            reviewed_at=self.review.reviewed_at,
            reviewer_id=self.review.reviewer_id,
            decision=self.review.decision,
            items=list(self.review.items),
        )


def report_id_of(employee_id: UUID, work_date: dt.date) -> UUID:
    """One report per employee and work date, so its id follows from both."""
    return uuid5(employee_id, work_date.isoformat())


def check_work_date(work_date: dt.date, today: dt.date) -> None:
    """Raises Invalid unless a report for `work_date` may be handed in on the local date `today`."""
    if work_date > today + dt.timedelta(days=1):
        latest = today + dt.timedelta(days=1)
        raise Invalid("validation", errors=[FieldError("work_date", "report.too_early", {"latest": latest})])


@dataclass(frozen=True, slots=True)
class Known:
    """What the items of one report may refer to: of the report's work date, its author and their OPD."""

    opd_code: str | None = None
    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task])
    """By code, in force on the work date."""
    targets: frozenset[str] = frozenset()
    """The codes of the author's targets of the work date's year."""
    evidence: frozenset[UUID] = frozenset()
    """The author's files of the work date."""

    def stray_target(self, at: str, target: str | None) -> list[FieldError]:
        """What is wrong with a target that an item names."""
        if target is None or target in self.targets:
            return []
        return [FieldError(f"{at}.target", "report.target_unknown", {"target": target})]


def items_of(given: ReportIn, known: Known | None = None) -> tuple[Item, ...]:
    """The items with an id each, and what the catalogue says of them. Raises Invalid with every mistake."""
    known = known or Known()
    mistakes: list[FieldError] = []
    items: list[Item] = []
    seen: set[str] = set()
    for index, item in enumerate(given.items):
        item_id = item.item_id or str(index + 1)
        if item_id in seen:
            mistakes.append(FieldError(f"items.{index}.item_id", "report.item_twice", {"item_id": item_id}))
        seen.add(item_id)
        task = None
        if item.task_code is not None:
            task = known.tasks.get(item.task_code)
            mistakes += misuse(f"items.{index}", item.task_code, item.unit, task, known.opd_code)
        else:
            named = {"task": item.task, "unit": item.unit}
            mistakes += [
                FieldError(f"items.{index}.{name}", "report.task_or_code", {"field": name})
                for name, text in named.items()
                if not text
            ]
        mistakes += known.stray_target(f"items.{index}", item.target)
        mistakes += [
            FieldError(f"items.{index}.evidence.{place}", "evidence.not_usable", {"evidence_id": evidence_id})
            for place, evidence_id in enumerate(item.evidence)
            if evidence_id not in known.evidence
        ]
        evidence = tuple(dict.fromkeys(item.evidence))
        items.append(
            Item(
                item_id=item_id,
                task=task.name if task else item.task,
                quantity=item.quantity,
                unit=task.unit if task else item.unit,
                norm_minutes=task.norm_minutes if task else None,
                task_code=item.task_code,
                target=item.target,
                evidence_count=len(evidence),
                evidence=evidence,
            )
        )
    if mistakes:
        raise Invalid("validation", errors=mistakes)
    return tuple(items)


def misuse(at: str, code: str, unit: str | None, task: Task | None, opd_code: str | None) -> list[FieldError]:
    """What is wrong with an item that names a task of the catalogue, and perhaps a unit beside it."""
    if task is None or not task.active:
        return [FieldError(f"{at}.task_code", "report.task_unknown", {"task_code": code})]
    if task.opd_code not in (None, opd_code):
        return [FieldError(f"{at}.task_code", "report.task_of_other_opd", {"opd_code": task.opd_code})]
    if unit and unit != task.unit:
        # Somebody's app shows an older version: their quantity counts something else.
        return [FieldError(f"{at}.unit", "report.other_unit", {"unit": task.unit})]
    return []


class Copied(NamedTuple):
    """Items of an earlier report, ready to be edited and handed in for another work date.

    `left_out` are those whose task is not in force then.
    """

    items: list[Item]
    left_out: list[Item]


def copied(items: Sequence[Item], known: Known) -> Copied:
    """The items as the catalogue has them on the new work date, without evidence: that is of its own day."""
    copy = Copied([], [])
    for item in items:
        task = known.tasks.get(item.task_code) if item.task_code is not None else None
        if item.task_code is not None and (task is None or misuse("", "", None, task, known.opd_code)):
            copy.left_out.append(item)
            continue
        target = item.target if item.target in known.targets else None
        update = {
            "target": target,
            "evidence_count": 0,
            "evidence": (),
            "norm_minutes": task.norm_minutes if task else None,
        }
        named = {"task": task.name, "unit": task.unit} if task else {}
        copy.items.append(item.model_copy(update={**update, **named}))
    return copy


def revise(
    report: Report, items: tuple[Item, ...], opd_code: str, now: dt.datetime, mode: Mode | None = None
) -> Report:
    """The report after `items` were handed in at `now`; the very same report when nothing differs.

    Raises Conflict after an accepted review: what was paid for cannot change.
    """
    if report.status == "accepted":
        raise Conflict(
            "report.accepted", params={"work_date": report.work_date}, extra={"revision": report.revision}
        )
    if report.items == items:
        return report
    return replace(
        report,
        opd_code=opd_code,
        revision=report.revision + 1,
        # Two processes' clocks may differ by a little: a later revision is never the earlier one.
        submitted_at=max(now, report.submitted_at),
        items=items,
        review=None,
        mode=mode,
    )


def review(report: Report, given: ReviewIn, reviewer_id: UUID, now: dt.datetime) -> Report:
    """The report after a review; the very same report when this reviewer has just decided exactly that.

    Raises Conflict when `given` speaks of another revision than the newest, Invalid for wrong quantities.
    """
    if given.revision != report.revision:
        raise Conflict(
            "review.outdated",
            params={"given": given.revision, "current": report.revision},
            extra={"revision": report.revision},
        )
    items = _accepted(report.items, given)
    old = report.review
    same = old is not None and (old.reviewer_id, old.decision, old.items, old.note) == (
        reviewer_id,
        given.decision,
        items,
        given.note,
    )
    if same:
        return report
    earliest = max(report.submitted_at, old.reviewed_at) if old else report.submitted_at
    decided = Review(report.reviews + 1, given.decision, max(now, earliest), reviewer_id, items, given.note)
    return replace(report, reviews=decided.revision, review=decided)


def _accepted(items: Sequence[ReportItem], given: ReviewIn) -> tuple[ReviewedItem, ...]:
    if not given.items:
        if given.decision == "returned":
            return ()
        return tuple(ReviewedItem(item_id=item.item_id, accepted_quantity=item.quantity) for item in items)
    reported = {item.item_id: item.quantity for item in items}
    mistakes: list[FieldError] = []
    accepted: dict[str, float] = {}
    for index, item in enumerate(given.items):
        at = f"items.{index}"
        if item.item_id not in reported:
            mistakes.append(FieldError(f"{at}.item_id", "review.item_unknown", {"item_id": item.item_id}))
        elif item.item_id in accepted:
            mistakes.append(FieldError(f"{at}.item_id", "report.item_twice", {"item_id": item.item_id}))
        elif item.accepted_quantity > reported[item.item_id]:
            limit = reported[item.item_id]
            mistakes.append(FieldError(f"{at}.accepted_quantity", "review.too_much", {"quantity": f"{limit:g}"}))
        accepted[item.item_id] = item.accepted_quantity
    # A silent item would be accepted or refused by our guess; so all are named, or none.
    missing = [item_id for item_id in reported if item_id not in accepted]
    if missing and given.decision == "accepted":
        mistakes.append(FieldError("items", "review.item_missing", {"item_ids": ", ".join(missing)}))
    if mistakes:
        raise Invalid("validation", errors=mistakes)
    return tuple(
        ReviewedItem(item_id=item.item_id, accepted_quantity=accepted[item.item_id])
        for item in items
        if item.item_id in accepted
    )
