"""What all answers have in common."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

Json = dict[str, JsonValue]
"""An object as it is stored, whose members another part of the system knows."""

MOST = 1000
"""Items of a list inside an answer."""

Item = TypeVar("Item")


class Answer(BaseModel):
    """One answer, or one item of a list; its fields are its contract, and take the attributes of the same name."""

    model_config = ConfigDict(from_attributes=True, frozen=True, validate_by_name=True, validate_by_alias=True)


class Some(Answer, Generic[Item]):
    """A list inside an answer: how many there are, and the first thousand."""

    count: int
    items: Sequence[Item]


def some(items: Sequence[Item]) -> Some[Item]:
    return Some[Item](count=len(items), items=items[:MOST])


class Dated(Answer):
    """How many plans of a date a new roster has to mend."""

    work_date: dt.date
    person_days: int


def dated(counts: Sequence[tuple[dt.date, int]]) -> Some[Dated]:
    """(date, person-days) as a list of an answer."""
    return some([Dated(work_date=day, person_days=count) for day, count in counts])


def as_json(items: Iterable[BaseModel]) -> list[dict[str, Any]]:
    """Answers as they are written into the audit, or into the members of a refusal."""
    return [item.model_dump(mode="json", by_alias=True) for item in items]
