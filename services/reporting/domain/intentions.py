"""What somebody intends to do on a work date, said before it begins, and how the report compares with it. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from services.reporting.domain import Exact
from services.reporting.domain.reports import Amount, Id, Item, Known, Line, misuse
from shared.dates import midnight
from shared.refusals import Conflict, FieldError, Invalid

MOST = 50
AHEAD = dt.timedelta(days=14)
"""So far before its work date an intention may be said."""


class IntendedIn(Exact):
    """One piece of work: by `task_code`, or in free text; a quantity where it can be said beforehand."""

    task_code: Id | None = None
    task: Line | None = None
    quantity: Amount | None = None
    unit: Id | None = None
    target: Id | None = None


class IntentionIn(Exact):
    """All that is intended for one work date; what was said before is replaced."""

    items: Annotated[list[IntendedIn], Field(max_length=MOST)]


@dataclass(frozen=True, slots=True)
class Intended:
    """One piece of work as it was meant, with the catalogue's name and unit where it has a code."""

    task: str
    unit: str | None
    quantity: float | None
    task_code: str | None
    target: str | None

    @property
    def key(self) -> str:
        return _key(self.task_code, self.task)


@dataclass(frozen=True, slots=True)
class Intention:
    """What somebody has said of a work date, and when they last did."""

    work_date: dt.date
    said_at: dt.datetime
    items: tuple[Intended, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """What was intended, and how much of it the report holds; None while there is no report."""

    intended: Intended
    reported_quantity: float | None


def _key(task_code: str | None, task: str) -> str:
    """What is one piece of work for a comparison: the code, else the words however they are written."""
    return f"code {task_code}" if task_code is not None else f"text {' '.join(task.casefold().split())}"


def check_open(work_date: dt.date, starts_at: dt.datetime | None, now: dt.datetime) -> None:
    """Raises Conflict once the work date has begun: at the plan's start, at midnight where it has no hours.

    Raises Invalid for a date further ahead than AHEAD.
    """
    if now >= (starts_at or midnight(work_date)):
        raise Conflict("intention.begun", params={"work_date": work_date})
    if midnight(work_date) - now > AHEAD:
        errors = [FieldError("work_date", "intention.too_early", {"days": AHEAD.days})]
        raise Invalid("validation", errors=errors)


def intended_of(given: IntentionIn, known: Known) -> tuple[Intended, ...]:
    """What is meant, with what the catalogue says of it. Raises Invalid with every mistake."""
    mistakes: list[FieldError] = []
    found: list[Intended] = []
    seen: set[str] = set()
    for index, item in enumerate(given.items):
        at = f"items.{index}"
        task = None
        if item.task_code is not None:
            task = known.tasks.get(item.task_code)
            mistakes += misuse(at, item.task_code, item.unit, task, known.opd_code)
        elif item.task is None:
            mistakes.append(FieldError(f"{at}.task", "report.task_or_code", {"field": "task"}))
        mistakes += known.stray_target(at, item.target)
        one = Intended(
            task.name if task else item.task or "",
            task.unit if task else item.unit,
            item.quantity,
            item.task_code,
            item.target,
        )
        if one.key in seen:
            mistakes.append(FieldError(at, "intention.twice"))
        seen.add(one.key)
        found.append(one)
    if mistakes:
        raise Invalid("validation", errors=mistakes)
    return tuple(found)


def compare(intended: Sequence[Intended], reported: Sequence[Item] | None) -> tuple[list[Compared], list[Item]]:
    """Each intention with what the report holds of it, and the items that nobody had intended."""
    if reported is None:
        return [Compared(one, None) for one in intended], []
    done: dict[str, float] = {}
    for item in reported:
        key = _key(item.task_code, item.task)
        done[key] = done.get(key, 0.0) + item.quantity
    meant = {one.key for one in intended}
    others = [item for item in reported if _key(item.task_code, item.task) not in meant]
    return [Compared(one, done.get(one.key, 0.0)) for one in intended], others
