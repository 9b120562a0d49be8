"""What there is to announce of a person-day, and the identity of an announcement. Pure."""

import datetime as dt
from functools import lru_cache
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from services.reporting.domain.figures import states_of
from shared.events import DUTIES, Duty, State

DAYS_BACK = 35
"""Work dates before that are never announced."""


def announced_from(today: dt.date) -> dt.date:
    """The first work date of which anything is announced."""
    return today - dt.timedelta(days=DAYS_BACK)


class Change(NamedTuple):
    """One duty that left a state for another."""

    duty: Duty
    previous: State
    state: State


@lru_cache(maxsize=4096)  # a city passes from few combinations of states to few others
def changes(previous: int, code: int) -> tuple[Change, ...]:
    """The duties in which two numbers of `figures.code_of` differ, in the contract's order."""
    sides = zip(DUTIES, states_of(previous), states_of(code), strict=True)
    return tuple(Change(duty, before, now) for duty, before, now in sides if before != now)


def transition_id(topic: str, key: str, revision: int) -> UUID:
    """The one event id of one transition, the same whoever computes it and however often.

    `key` names what changed: `<employee_id>/<work_date>/<duty>` or `<unit_id>`.
    """
    return uuid5(NAMESPACE_URL, f"urn:hadir:{topic}:{key}:{revision}")
