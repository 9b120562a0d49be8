"""Alerts of a counter that is short, or will be: who could help there, and until when they stand. Pure."""

import datetime as dt
from typing import Literal, NamedTuple
from uuid import UUID

PROPOSED = 5
"""So many are kept with a message; more are to be seen with the alert."""
SHOWN = 20
OPEN_CALLS = 5
"""So many of an alert may be without an answer: whoever is asked leaves something lying."""
RECENT = dt.timedelta(days=30)
"""Calls count so long towards who is asked first."""

AlertState = Literal["soon", "short", "over"]


class Substitute(NamedTuple):
    """Somebody who works now, is not needed where they are, and could help at a counter.

    `skills`: those that people of the counter have too. `metres` between the places of both units, None where one
    has none. `calls`: how often they were asked of late. `here`: whether they came to work today, None where that
    is not known.
    """

    employee_id: UUID
    unit_id: str
    unit_name: str | None
    same_opd: bool
    mode: Literal["WFO", "WFH"]
    skills: list[str]
    metres: float | None
    calls: int
    here: bool | None


def is_due(starts_at: dt.datetime, now: dt.datetime, minutes: int | None) -> bool:
    """Whether a foreseen shortage is told by now: so many minutes ahead at most, and not once it has begun."""
    return now < starts_at and (minutes is None or starts_at - now <= dt.timedelta(minutes=minutes))


def state_of(*, kind: str, is_told: bool, is_alert: bool, foreseen: bool, alerted: bool) -> AlertState:
    """How it stands with what a message told. `is_told`: its forecast stands and `foreseen` still; `is_alert`: its
    alert is the one that stands; `alerted`: one stands for the counter."""
    if kind == "counter.short":
        return "short" if is_alert else "over"
    if alerted:
        return "short"
    return "soon" if is_told and foreseen else "over"
