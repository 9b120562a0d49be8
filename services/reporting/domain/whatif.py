"""What is asked when somebody wonders what other rules, or another policy, would have made of past dates. Pure.

Other rules judge the same facts. Another policy sends people home who were at the office: their record stays as it
is and is judged as that of a day at home, and the counters lose them. It brings nobody back from home: nothing
tells who would have been at which counter. What would have been produced at home instead is not known either.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from services.reporting.domain import Exact
from services.reporting.domain.periods import AVAILABLE_MINUTES, MOST_AVAILABLE_MINUTES
from shared.events import Mode
from shared.events.base import LOCAL_TIME_PATTERN, MAX_SCOPE, Date, InstantUTC, OpdCode, UnitId, Weekday
from shared.refusals import wrong

LONGEST_DAYS = 31
"""Of one question: every date of it is judged anew, of up to the whole city."""

MOST_TOLERANCE = 24 * 60
MOST_SLA = 366

Item = TypeVar("Item")
Turns = Literal["daily", "weekly"]


class SupposedRules(Exact):
    """What would be otherwise in the rules in force on each date; what is left out stays as it was."""

    tolerance_minutes: Annotated[int, Field(ge=0, le=MOST_TOLERANCE, strict=True)] | None = None
    report_modes: Annotated[list[Mode], Field(max_length=10)] | None = None
    report_cutoff: Annotated[str, StringConstraints(pattern=LOCAL_TIME_PATTERN)] | None = None
    review_sla_working_days: Annotated[int, Field(ge=0, le=MOST_SLA, strict=True)] | None = None

    @property
    def empty(self) -> bool:
        return not self.model_dump(exclude_none=True)


class SupposedPolicy(Exact):
    """Who would have been at home as well: on these weekdays (0 is Monday; every day when left out) a `share` of
    each unit's people with hours, taking turns. Those at home already count; nobody is brought back."""

    share: Annotated[float, Field(gt=0, le=1)] = 1
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    turns: Turns = "daily"
    units_never: Annotated[list[UnitId], Field(max_length=MAX_SCOPE)] = []
    service_points_never: Annotated[bool, Field(strict=True)] = False


class Question(Exact):
    """Which dates of which OPDs (of all when left out), as of when, and what would have been otherwise."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    first: Date = Field(alias="from")
    last: Date = Field(alias="to")
    as_of: InstantUTC | None = None
    opd_codes: Annotated[list[OpdCode], Field(min_length=1, max_length=MAX_SCOPE)] | None = None
    rules: SupposedRules | None = None
    policy: SupposedPolicy | None = None
    available_minutes: Annotated[float, Field(gt=0, le=MOST_AVAILABLE_MINUTES)] = AVAILABLE_MINUTES

    @model_validator(mode="after")
    def _supposes_something(self) -> "Question":
        if self.policy is None and (self.rules is None or self.rules.empty):
            raise wrong("whatif.nothing")
        return self


Assumed = Literal["same_record", "nobody_back", "output_as_it_was", "turns_by_id"]


def assumed(question: Question) -> list[Assumed]:
    """What the answer takes for granted."""
    if question.policy is None:
        return ["same_record"]
    return ["same_record", "nobody_back", "output_as_it_was", "turns_by_id"]
