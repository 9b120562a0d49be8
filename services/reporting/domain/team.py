"""What waits for a superior in their team's day. Pure."""

import datetime as dt
from typing import Literal, Protocol, get_args

from shared.events import Duty, State

Waits = Literal["all", "waiting", "overdue", "missing"]
"""Everyone, whose report waits for a review, whose has waited longer than the rules give, who has not come."""
WAITS: tuple[Waits, ...] = get_args(Waits)


class Awaited(Protocol):
    """A report, as far as it says whether somebody is waited for."""

    @property
    def decided(self) -> bool: ...
    @property
    def review_due(self) -> dt.datetime: ...


def is_overdue(report: Awaited | None, as_of: dt.datetime) -> bool:
    """Whether the superior's time for the report is over: from its end on, as the duty `output` has it."""
    return report is not None and not report.decided and as_of >= report.review_due


def is_missing(on_time: State | None, first_in_at: dt.datetime | None) -> bool:
    """Whether somebody who had to be there is not: no check-in, and the time for it is over."""
    return first_in_at is None and on_time in ("not_met", "unknown")


def state_of(duties: dict[Duty, State] | None, duty: Duty) -> State | None:
    """The state of one duty; None without a plan."""
    return None if duties is None else duties[duty]


def chosen(waits: Waits, *, waiting: bool, overdue: bool, missing: bool) -> bool:
    """Whether somebody is one of those who are asked for."""
    return {"all": True, "waiting": waiting, "overdue": overdue, "missing": missing}[waits]
