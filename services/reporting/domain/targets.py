"""A person's targets of a year: the lines of their SKP, which the items of a report may serve. Pure."""

from typing import Annotated

from pydantic import Field

from services.reporting.domain import Exact
from services.reporting.domain.reports import Amount, Id, Line
from shared.refusals import FieldError, Invalid

MOST = 100


class TargetIn(Exact):
    """One line: its code, what is to be reached, and how much of it in the year where that can be counted."""

    code: Id
    title: Line
    quantity: Amount | None = None
    unit: Id | None = None


class TargetsIn(Exact):
    """All targets of one person and year; what is not in the list is none any more."""

    items: Annotated[list[TargetIn], Field(max_length=MOST)]


def check(given: TargetsIn) -> None:
    """Raises Invalid where two lines share a code."""
    seen: set[str] = set()
    twice: list[FieldError] = []
    for index, item in enumerate(given.items):
        if item.code in seen:
            twice.append(FieldError(f"items.{index}.code", "targets.twice", {"code": item.code}))
        seen.add(item.code)
    if twice:
        raise Invalid("validation", errors=twice)
