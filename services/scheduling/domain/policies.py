"""Policies as data: who may work from home, when, and within which limits (docs/rules.md#plans-and-policies).

Nothing about a weekday, a share or a grade is a constant of the program: within five months the rule in force
moved from "Thursday, everyone" over "50:50" to "Friday, without echelons II to IV".
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shared.events.base import Date
from shared.refusals import wrong

Share = Annotated[float, Field(ge=0, le=1)]
Weekday = Annotated[int, Field(ge=0, le=6)]
PolicyDate = Date
Echelon = Literal["II", "III", "IV"]


def not_before(field: str) -> Callable[[dt.date | None, ValidationInfo], dt.date | None]:
    """For an `AfterValidator`: refuses a date before the one in `field`, which stands earlier in the model."""

    def check(value: dt.date | None, info: ValidationInfo) -> dt.date | None:
        start = info.data.get(field)
        if value is not None and start is not None and value < start:
            raise wrong("span.backwards")
        return value

    return check


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PolicyScope(_Part):
    """Whom a policy is for: the whole city, or some OPD."""

    all: bool = False
    opd_codes: list[str] = []

    @model_validator(mode="after")
    def _one_of_two(self) -> "PolicyScope":
        if self.all == bool(self.opd_codes):
            raise wrong("scope.one_of_two")
        return self

    def covers(self, opd_code: str) -> bool:
        return self.all or opd_code in self.opd_codes


class WeekdayParameters(_Part):
    weekdays: Annotated[list[Weekday], Field(min_length=1)]
    """Monday is 0."""

    @field_validator("weekdays")
    @classmethod
    def _each_once(cls, days: list[int]) -> list[int]:
        return sorted(set(days))


class RotationParameters(_Part):
    share: Share
    """The part of a unit's working people that is at home each day."""
    turn: Literal["daily", "weekly"] = "daily"


class Limits(_Part):
    """Each limit is optional and stands alone."""

    max_unit_share: Share | None = None
    """Most people of a unit at home on a day, as a part of those who work that day, rounded down."""
    max_days_per_week: Annotated[int, Field(ge=0, le=7)] | None = None
    """Most WFH days of a person in a week from Monday (PermenPANRB 4/2025 art. 13: 2)."""
    never_two_in_a_row: bool = False
    """Nobody is at home on two dates that follow each other."""
    never_units: list[str] = []
    never_opds: list[str] = []
    never_direct_service: bool = False
    never_heads_of: list[str] = []
    """Kinds of OPD whose heads of units stay: `kecamatan` keeps camat and lurah at the office."""
    never_echelons: list[Echelon] = []
    never_under_discipline: bool = False
    days_after_post_change: Annotated[int, Field(ge=0, le=3660)] | None = None
    readiness_exception: Annotated[str, Field(min_length=3, max_length=500)] | None = None
    """Why more may be at home than the readiness assessment recommends; without it the smaller cap holds."""
    not_while_budget_spent: bool = False
    """Nobody of a unit whose error budget of the month is spent, until it recovers (`coverage.budget.v1`)."""
    keep_min_staff: bool = True
    """Every service point keeps its minimum on site in every opening hour before anyone is sent home."""


class PolicyIn(BaseModel):
    """A new version of a policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    effective_from: PolicyDate
    effective_to: Annotated[PolicyDate | None, AfterValidator(not_before("effective_from"))] = None
    """Last date, included; none: until another policy wins."""
    scope: PolicyScope
    kind: Literal["weekday", "rotation"]
    parameters: WeekdayParameters | RotationParameters
    limits: Limits = Limits()

    @field_validator("parameters", mode="before")
    @classmethod
    def _of_kind(cls, value: object, info: ValidationInfo) -> object:
        # So that an error names `parameters.share` and does not speak of both kinds.
        model = {"weekday": WeekdayParameters, "rotation": RotationParameters}.get(info.data.get("kind", ""))
        return model.model_validate(value) if model is not None else value


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy, as rosters use it."""

    policy_id: str
    version: int
    content: PolicyIn
    draft: bool = False
    """Tried and not given: it is shown as if it won a tie."""

    @property
    def label(self) -> str:
        """`policy_version` of plans: the id and the version."""
        return f"{self.policy_id}/{self.version}"

    def holds(self, opd_code: str, day: dt.date) -> bool:
        content = self.content
        ends = content.effective_to
        return content.effective_from <= day and (ends is None or day <= ends) and content.scope.covers(opd_code)

    def touches(self, first: dt.date, last: dt.date) -> bool:
        """Whether it holds on a date from `first` to `last`, for whomever."""
        ends = self.content.effective_to
        return self.content.effective_from <= last and (ends is None or first <= ends)


def ended(policies: Sequence[Policy], policy_id: str, start: dt.date) -> list[Policy]:
    """`policies` where `policy_id` ends on the day before `start`; what would begin later is gone."""
    eve = start - dt.timedelta(1)
    found: list[Policy] = []
    for one in policies:
        content = one.content
        if one.policy_id != policy_id or not one.touches(start, dt.date.max):
            found.append(one)
        elif content.effective_from < start:
            cut = content.model_copy(update={"effective_to": eve})
            found.append(Policy(one.policy_id, one.version, cut, one.draft))
    return found


def standing(versions: Sequence[tuple[Policy, dt.date | None]]) -> list[Policy]:
    """What holds when: each version until the next one starts. `versions` are in the order they were given.

    Each with the date on which it withdraws the policy, or None. A version that starts on the same date as an
    older one, or before it, replaces it.
    """
    found: list[Policy] = []
    for policy, withdrawn_from in versions:
        found = ended(found, policy.policy_id, withdrawn_from or policy.content.effective_from)
        if withdrawn_from is None:
            found.append(policy)
    return found


def in_force(policies: Sequence[Policy], opd_code: str, day: dt.date) -> Policy | None:
    """The policy that decides: latest effective_from, then the narrower scope, then the id."""

    def rank(policy: Policy) -> tuple[dt.date, int, bool, str]:
        scope = policy.content.scope
        breadth = 10**6 if scope.all else len(scope.opd_codes)
        return policy.content.effective_from, -breadth, policy.draft, policy.policy_id

    return max((one for one in policies if one.holds(opd_code, day)), key=rank, default=None)
