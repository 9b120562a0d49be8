"""What a roster is made from, and the words for what comes out of it."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from services.scheduling.domain.policies import Policy
from services.scheduling.domain.records import RequirementSet
from services.scheduling.domain.timetable import Pattern, SpecialHours

LONGEST_DAYS = 62
"""The longest span that can be planned at once."""

NONE, WFO, WFH, DUTY_TRAVEL, LEAVE, OFF = range(6)
MODES = ("NONE", "WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF")
"""NONE: this unit does not plan this person on this date."""

REASONS = (
    "none",
    "rest_day",
    "holiday",
    "leave",
    "duty_travel",
    "policy",
    "no_policy",
    "not_wfh_day",
    "turn",
    "direct_service",
    "unit_excluded",
    "opd_excluded",
    "head",
    "echelon",
    "discipline",
    "new_in_post",
    "week_limit",
    "unit_share",
    "minimum",
    "changed",
    "departed",
    "two_in_a_row",
    "apart",
    "budget_spent",
)
REASON = {name: number for number, name in enumerate(REASONS)}
"""A reason's number in the bytes of a roster."""

LIMIT = "limit"
"""What everybody but the HR agency and the person reads in place of a reason that is about the person."""

_PUBLIC = frozenset(
    {
        "none",
        "rest_day",
        "holiday",
        "leave",
        "duty_travel",
        "policy",
        "no_policy",
        "not_wfh_day",
        "turn",
        "direct_service",
        "unit_excluded",
        "opd_excluded",
        "budget_spent",
        "unit_share",
        "minimum",
        "changed",
        "departed",
    }
)


def public_reason(reason: str | None) -> str | None:
    """A reason as others may read it: of dates, units and turns as it is, of a person only that a limit holds.

    The list is of what may be read, so a reason that is added later stays inside until it is named here. One code
    stands for all that is about a person, office and week among it, so it does not tell of discipline.
    """
    return reason if reason is None or reason in _PUBLIC else LIMIT


Category = Literal["leave", "duty_travel"]
Method = Literal["auto", "direct", "solver"]
"""`auto`: the solver for units where requests or limits interact, the rotation for all others."""


@dataclass(frozen=True, slots=True)
class Away:
    """An absence, both ends included."""

    from_date: dt.date
    to_date: dt.date
    category: Category


@dataclass(frozen=True, slots=True)
class Wish:
    """A personal request for one date; weight 1 (would be nice) to 3 (matters much)."""

    day: dt.date
    mode: Literal["WFO", "WFH"]
    weight: int = 1


class Pinned(NamedTuple):
    """A day that a roster leaves as it is."""

    day: dt.date
    mode: Literal["WFO", "WFH"]


@dataclass(frozen=True, slots=True)
class Person:
    employee_id: UUID
    pattern: Pattern
    echelon: str | None = None
    is_head: bool = False
    post_since: dt.date | None = None
    discipline_until: dt.date | None = None
    away: tuple[Away, ...] = ()
    since: dt.date | None = None
    """First date in this unit, where it lies in the span."""
    until: dt.date | None = None
    """Last date in this unit, where it lies in the span."""
    earlier_days: int = 0
    """WFH days in the four weeks before the span: who had more goes later."""
    earlier_in_week: int = 0
    """WFH days in the span's first week, before the span."""
    home_before: bool = False
    """Whether the day before the span is a WFH day."""
    later_in_week: int = 0
    """WFH days in the span's last week, after the span, in the plans that stand."""
    home_after: bool = False
    """Whether the day after the span is a WFH day."""
    planned: int = 0
    """WFH days in the plans that stand, bit n for day n of the span: kept where possible, so that a new roster
    changes little."""
    pinned: tuple[Pinned, ...] = ()
    """Days settled by a swap or a named change: a roster leaves them alone."""
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitInput:
    unit_id: str
    opd_code: str
    opd_kind: str
    direct_service: bool
    people: tuple[Person, ...]
    requirements: tuple[RequirementSet, ...] = ()
    recommended_share: float | None = None
    """From the readiness assessment: a cap beside the policy's own, unless the policy says why not."""
    special: tuple[SpecialHours, ...] = ()
    """Special hours that concern this unit, the weakest first."""
    apart: tuple[tuple[UUID, UUID], ...] = ()
    """Pairs who share a task, of whom one must be at the office."""
    budget_spent: bool = False
    """Whether the error budget of its counter is spent, as reporting said last."""


@dataclass(frozen=True, slots=True)
class Span:
    first: dt.date
    last: dt.date
    holidays: frozenset[dt.date] = frozenset()
    policies: tuple[Policy, ...] = ()
    seed: int = 0

    @property
    def days(self) -> list[dt.date]:
        return [self.first + dt.timedelta(n) for n in range((self.last - self.first).days + 1)]


def floor_share(share: float, people: int) -> int:
    """A share of so many people, rounded down; 0.58 of 100 is 58 in spite of binary fractions."""
    return math.floor(share * people + 1e-9)


@dataclass(frozen=True, slots=True)
class Publications:
    """Which publications to show; each field narrows where it is given.

    `within` is the OPD of a reader who sees nothing else: publications for more than it are left out.
    """

    within: str | None = None
    opd_code: str | None = None
    first: dt.date | None = None
    last: dt.date | None = None
    officer: str | None = None
    roster_id: UUID | None = None
