"""How the states of many people are counted and rated. Pure."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import NamedTuple, get_args

from pydantic import BaseModel

from shared.events import DUTIES, Duty, Mode, State

STATES: tuple[State, ...] = get_args(State)
MODES: tuple[Mode, ...] = get_args(Mode)

Z_95 = 1.959963984540054
"""The two-sided 95 % quantile of the normal distribution."""


class States(NamedTuple):
    """One person-day as it is counted: its mode, and the state of each of `DUTIES`, in their order."""

    mode: Mode
    states: tuple[State, ...]

    @property
    def code(self) -> int:
        """The states as one number: see `code_of`."""
        return code_of(self.states)

    def by_duty(self) -> dict[Duty, State]:
        return dict(zip(DUTIES, self.states, strict=True))


def code_of(states: Sequence[State]) -> int:
    """Five states in the order of `DUTIES` as one number: base 5 by the order of `STATES`, the first the ones.

    `state_code` and `state_of` in verdicts.sql say the same.
    """
    return sum(STATES.index(state) * 5**place for place, state in enumerate(states))


def states_of(code: int) -> tuple[State, ...]:
    """The five states of a `code_of`, in the order of `DUTIES`."""
    return _STATES_OF[code]


NOTHING_DUE = code_of(("not_due",) * len(DUTIES))
_STATES_OF = [tuple(reversed(states)) for states in product(STATES, repeat=len(DUTIES))]


class DutyFigures(BaseModel):
    """One duty of many people: each state counted, and the rate `met / n` with its bounds.

    `low` and `high` take every unknown as not met and as met; `n` is met + not met; the Wilson interval is that of
    the rate at 95 %. A share of nothing is null, and so is a figure that is withheld from its reader.
    """

    met: int | None
    not_met: int | None
    unknown: int | None
    pending: int | None
    not_due: int | None
    rate: float | None
    low: float | None
    high: float | None
    n: int | None
    wilson_low: float | None
    wilson_high: float | None


class Compliance(BaseModel):
    """How many people have a plan for the date, in which mode, and what became of their duties."""

    employees: int | None
    modes: dict[Mode, int | None]
    duties: dict[Duty, DutyFigures]


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """Wilson's 95 % score interval of a proportion; None without observations.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
    """
    if n == 0:
        return None
    p = successes / n
    denominator = 1 + Z_95**2 / n
    centre = (p + Z_95**2 / (2 * n)) / denominator
    half = Z_95 * math.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2)) / denominator
    return max(0.0, centre - half), min(1.0, centre + half)


def ratio(part: int, whole: int) -> float | None:
    """part / whole, correctly rounded; None when there is no whole."""
    return part / whole if whole else None


def rate(counts: Mapping[State, int]) -> DutyFigures:
    """A duty's states as they were counted, and what follows from them."""
    met, not_met, unknown = counts.get("met", 0), counts.get("not_met", 0), counts.get("unknown", 0)
    n = met + not_met
    wilson_low, wilson_high = wilson(met, n) or (None, None)
    return DutyFigures(
        met=met,
        not_met=not_met,
        unknown=unknown,
        pending=counts.get("pending", 0),
        not_due=counts.get("not_due", 0),
        rate=ratio(met, n),
        low=ratio(met, n + unknown),
        high=ratio(met + unknown, n + unknown),
        n=n,
        wilson_low=wilson_low,
        wilson_high=wilson_high,
    )


def compliance(people: Mapping[States, int]) -> Compliance:
    """The figures of people counted by their states."""
    modes: dict[Mode, int | None] = dict.fromkeys(MODES, 0)
    counts: dict[Duty, dict[State, int]] = {duty: dict.fromkeys(STATES, 0) for duty in DUTIES}
    for states, n in people.items():
        modes[states.mode] = (modes[states.mode] or 0) + n
        for duty, state in states.by_duty().items():
            counts[duty][state] += n
    return Compliance(
        employees=sum(people.values()),
        modes=modes,
        duties={duty: rate(counts[duty]) for duty in DUTIES},
    )


class Counted(Counter[States]):
    """People counted by their states. Not changed any more once its figures are asked for."""

    @cached_property
    def compliance(self) -> Compliance:
        """Computed once: whoever shows it to somebody who may not see all of it takes a copy."""
        return compliance(self)
