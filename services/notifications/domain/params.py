"""What the text of each kind of message is made of: checked when a message is made, never again.

A message without what its text needs is refused before anything is written, by the parameter's name. Nothing that
is not named here is kept: so no name, no number and no reason of anybody gets into a message. Ids of other people
stand in `substitutes` alone, which leaves the house by no way (`outward`).
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.notifications.domain.kinds import KINDS, Kind
from shared.events import BudgetWindow, Duty, Mode

Count = Annotated[int, Field(ge=0)]
Minutes = Annotated[float, Field(ge=0)]
Asked = Literal[
    "missed_punch",
    "own_line",
    "wrong_key",
    "wrong_place",
    "appeal",
    "leave",
    "duty_travel",
    "amendment",
    "swap",
]


class Params(BaseModel):
    """Parameters of one kind. Dates are ISO 8601, instants have an offset."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Day(Params):
    """One planned day. `previous` is the mode it had before, null where none was known."""

    work_date: dt.date
    mode: Mode
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    previous: Mode | None = None


class Days(Params):
    """Planned days of one message, in any order: as `days`, or the only one by itself."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _one_by_itself(cls, given: dict[str, Any]) -> dict[str, Any]:
        return given if "days" in given else {"days": [given]}


class OfReport(Params):
    """A report of a work date, and which revision of it."""

    work_date: dt.date
    report_revision: int


class OfRequest(Params):
    """A request and how it was decided; for what dates, where it is for any. No reason, and no kind of leave.

    `last_date`: the last one of an absence, the other one of a swap.
    """

    request_id: UUID
    kind: Asked
    work_date: dt.date | None = None
    last_date: dt.date | None = None
    state: Literal["granted", "refused"]


class OfDuty(Params):
    """A duty of a work date."""

    work_date: dt.date
    duty: Duty


class OfCounter(Params):
    """A counter at an instant."""

    required: Count
    present: Count
    as_of: dt.datetime


class OfAlert(OfCounter):
    """A counter that is short. `substitutes`: employee_ids, the best first."""

    substitutes: tuple[UUID, ...] = ()


class OfShortage(Params):
    """A counter that will be short at an instant, and until when, where that is known."""

    required: Count
    expected: Count
    at: dt.datetime
    until: dt.datetime | None = None
    as_of: dt.datetime | None = None
    substitutes: tuple[UUID, ...] = ()


class OfCall(Params):
    """A call to help at a counter from an instant on."""

    call_id: UUID
    at: dt.datetime
    until: dt.datetime | None = None


class OfOutage(Params):
    """A declared outage, with the public reason of the declaration."""

    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str


class OfBudget(Params):
    """A window of a counter's error budget. `burn_rate` 1 spends exactly the budget."""

    window: BudgetWindow
    burn_rate: float | None = None
    spent_minutes: Minutes
    budget_minutes: Minutes
    as_of: dt.datetime


class OfCheckin(Params):
    """A planned start without a check-in."""

    work_date: dt.date
    starts_at: dt.datetime


class OfCutoff(Params):
    """A report that is due."""

    work_date: dt.date
    cutoff: dt.datetime


class OfReviews(Params):
    """How many reports wait for a review, and the oldest one's work date."""

    waiting: Annotated[int, Field(ge=1)]
    oldest: dt.date


class Tally(Params):
    """Person-days of one duty by what they came to."""

    met: Count
    not_met: Count
    unknown: Count


class OfWeek(Params):
    """A week, both dates included, of an OPD or (without `opd_code`) of the city, in sums alone.

    `duties` by duty; `before` the same of the week before, null where nothing is known of it.
    """

    opd_code: str | None = None
    first: dt.date
    last: dt.date
    duties: dict[Duty, Tally]
    before: dict[Duty, Tally] | None = None
    reports_waiting: Count | None = None
    short_minutes: Count | None = None
    """How long counters were short in all."""


BY_KIND: Mapping[Kind, type[Params]] = {
    "schedule.new": Days,
    "schedule.wfh": Days,
    "schedule.changed": Days,
    "report.accepted": OfReport,
    "report.returned": OfReport,
    "request.decided": OfRequest,
    "duty.not_met": OfDuty,
    "duty.unknown": OfDuty,
    "duty.corrected": OfDuty,
    "counter.short": OfAlert,
    "counter.met": OfCounter,
    "outage.declared": OfOutage,
    "outage.revoked": OfOutage,
    "budget.burning": OfBudget,
    "budget.recovered": OfBudget,
    "checkin.missing": OfCheckin,
    "report.missing": OfCutoff,
    "reviews.waiting": OfReviews,
    "counter.soon": OfShortage,
    "digest.head": OfWeek,
    "digest.council": OfWeek,
    "counter.call": OfCall,
}
_INSIDE = frozenset({"substitutes"})


def check(kind: Kind, params: Mapping[str, Any]) -> None:
    """Raises ValueError that names each parameter which is missing, wrong or not known."""
    try:
        BY_KIND[kind].model_validate(params)
    except ValidationError as error:
        wrong = "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.errors(include_input=False))
        raise ValueError(f"a message {kind} cannot be made of these parameters: {wrong}") from None


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "params"


def read(kind: Kind, stored: Mapping[str, Any]) -> Params | None:
    """Parameters as they are kept; None where they are of before, when a text was made of others."""
    try:
        return BY_KIND[kind].model_validate(stored, extra="ignore")
    except ValidationError:
        return None


def outward(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they may leave the house: without ids of other people."""
    return {name: value for name, value in params.items() if name not in _INSIDE}


if missing := set(KINDS) - BY_KIND.keys():
    raise ValueError(f"no parameters are named for {', '.join(sorted(missing))}")
