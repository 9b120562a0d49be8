"""What staff may ask for of their own plans, and who lets them. Pure."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationInfo

from services.scheduling.domain.policies import PolicyDate, not_before
from services.scheduling.domain.records import LeaveKind
from services.scheduling.domain.spans import Days, without
from shared.events.base import MAX_SCOPE, UUID, Code, OpdCode
from shared.personal import Reason
from shared.refusals import wrong

AskedKind = Literal[LeaveKind, "duty_travel", "amendment"]
"""What the city lets people ask for: each kind of leave, trips, other dates for an absence that is stored."""
ASKED_KINDS: tuple[AskedKind, ...] = get_args(AskedKind)

LONGEST = dt.timedelta(366)
"""The longest absence that is asked for, and how far ahead it may begin."""


class KindRule(BaseModel):
    """Who may ask for one kind: people of these employments, in these OPDs (null: in all)."""

    model_config = ConfigDict(extra="forbid")

    employment: Annotated[list[Literal["PNS", "PPPK"]], Field(max_length=2)]
    opd_codes: Annotated[list[OpdCode], Field(max_length=MAX_SCOPE)] | None = None

    def lets(self, employment: str, opd_code: str) -> bool:
        """Whether somebody may ask."""
        return employment in self.employment and (self.opd_codes is None or opd_code in self.opd_codes)


NOBODY = KindRule(employment=[])
"""What holds until the city says otherwise."""


class _Asking(BaseModel):
    """`request_id` is the caller's, so that a retry asks once; `evidence_id` is a file that reporting keeps."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    request_id: UUID
    reason: Reason
    evidence_id: Code | None = None


class LeaveAsked(_Asking):
    """A leave, both dates included."""

    kind: Literal["leave"]
    leave: LeaveKind
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate, Field(alias="to"), AfterValidator(not_before("first"))]


class TravelAsked(_Asking):
    """A duty travel, both dates included, with the number of its letter."""

    kind: Literal["duty_travel"]
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate, Field(alias="to"), AfterValidator(not_before("first"))]
    letter: Annotated[str, Field(max_length=100)] | None = None


def _both(value: dt.date | None, info: ValidationInfo) -> dt.date | None:
    if (value is None) != (info.data.get("new_from") is None):
        raise wrong("request.both_dates")
    return value


class AmendmentAsked(_Asking):
    """Other dates for a stored absence, `from` and `to`; without new ones it is taken back."""

    kind: Literal["amendment"]
    category: Literal["leave", "duty_travel"]
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate, Field(alias="to"), AfterValidator(not_before("first"))]
    new_from: PolicyDate | None = None
    new_to: Annotated[
        PolicyDate | None,
        Field(validate_default=True),
        AfterValidator(_both),
        AfterValidator(not_before("new_from")),
    ] = None

    @property
    def stored(self) -> Days:
        return Days(self.first, self.last)

    @property
    def wanted(self) -> Days | None:
        """The new dates; None to take it back."""
        if self.new_from is None or self.new_to is None:
            return None
        return Days(self.new_from, self.new_to)


RequestIn = Annotated[LeaveAsked | TravelAsked | AmendmentAsked, Field(discriminator="kind")]
REQUEST: TypeAdapter[LeaveAsked | TravelAsked | AmendmentAsked] = TypeAdapter(RequestIn)
ASKED_TAGS = ("leave", "duty_travel", "amendment")
HEAD = frozenset({"request_id", "kind", "reason", "evidence_id"})
"""Of a request, what is kept beside what it asks for."""


def asked_kind(asked: RequestIn) -> AskedKind:
    """By which of the city's kinds a request is let."""
    return asked.leave if isinstance(asked, LeaveAsked) else asked.kind


def changed(asked: RequestIn) -> list[Days]:
    """The runs of dates that a request would change, by date; none for other dates that are the same."""
    if not isinstance(asked, AmendmentAsked):
        return [Days(asked.first, asked.last)]
    if asked.wanted is None:
        return [asked.stored]
    return sorted([*without(asked.stored, asked.wanted), *without(asked.wanted, asked.stored)])


def about(asked: RequestIn) -> list[Days]:
    """The runs of dates that a request is about."""
    if not isinstance(asked, AmendmentAsked):
        return [Days(asked.first, asked.last)]
    return [asked.stored, *([asked.wanted] if asked.wanted else [])]


def touch(some: Sequence[Days], others: Sequence[Days]) -> bool:
    """Whether any date lies in both."""
    return any(one.first <= other.last and other.first <= one.last for one in some for other in others)
