"""The difference between two arms of OPDs, how far it is known, and what may be said of it. Pure.

The OPD is what was given to an arm, so the OPD is what is counted as independent: people of one OPD share a
head, a building and a bad week. The error is that of the jackknife over OPDs; a second opinion, which assumes no
shape of anything, comes of giving the arms out again. How often both are wrong together: bench/pilot.py.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # numpy is loaded where a verdict is asked for: a service that sits idle does without it
    import numpy as np
    from numpy.typing import NDArray

Verdict = Literal["within_margin", "worse_than_margin", "cannot_tell_yet"]

LEVEL = 0.95
"""Of the two-sided interval; so each side's bound, and each p, is held to (1 - LEVEL) / 2."""
ONE_SIDED = 0.025
DRAWS = 9_999
"""How often the arms are given out again; the arms as they are count as one more."""
SALT = "hadir/pilot/1"
"""Published: whoever knows it, the seed and the OPDs gives the arms out as we do."""
_ROUNDING = 1e-12
"""Of two gaps that differ by less than this part of the largest change, neither is the larger."""


class Comparison(NamedTuple):
    """The difference treated - control, where higher is better; null where an arm has too few OPDs to tell."""

    estimate: float | None = None
    se: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_within: float | None = None
    p_worse: float | None = None

    def told(self, margin: float) -> Verdict:
        """What the figures alone say; what the design forbids to say stands in `pilots.judge`."""
        if self.lower is None or self.upper is None or self.p_within is None or self.p_worse is None:
            return "cannot_tell_yet"
        if self.lower > -margin and self.p_within <= ONE_SIDED:
            return "within_margin"
        if self.upper < -margin and self.p_worse <= ONE_SIDED:
            return "worse_than_margin"
        return "cannot_tell_yet"

    def between(self, margin: float) -> bool:
        """Whether both a smaller and a larger loss than the margin lie within the limits."""
        return self.lower is not None and self.upper is not None and self.lower <= -margin <= self.upper


@dataclass(frozen=True)
class Design:
    """Which OPDs are compared, with which weights, all above 0; in the order of their codes.

    `treated[g]`: whether OPD g is in that arm. Each arm has an OPD.
    """

    treated: tuple[bool, ...]
    weights: tuple[float, ...]
    seed: int
    draws: int = DRAWS

    @property
    def degrees(self) -> int:
        return len(self.weights) - 1

    @cached_property
    def contrasts(self) -> "NDArray[np.float64]":
        """For each draw a row: by what each OPD's change enters the gap between the arms as they are given out.

        Numbers of 64 bits, big-endian, from SHAKE-256 of salt and seed, a line each: as many for each draw as
        there are OPDs; the smallest of them are treated, as many as there are. OPDs keep their weights.
        """
        import numpy as np

        opds, count = len(self.weights), sum(self.treated)
        stream = hashlib.shake_256(f"{SALT}\n{self.seed}".encode()).digest(8 * opds * self.draws)
        lots = np.frombuffer(stream, ">u8").reshape(self.draws, opds)
        chosen = np.zeros((self.draws, opds), dtype=bool)
        np.put_along_axis(chosen, np.argsort(lots, axis=1, kind="stable")[:, :count], values=True, axis=1)
        treated, control = chosen * np.array(self.weights), ~chosen * np.array(self.weights)
        return treated / treated.sum(axis=1, keepdims=True) - control / control.sum(axis=1, keepdims=True)

    def estimate(self, changes: Sequence[float], without: int | None = None) -> float | None:
        """The mean change of the treated less that of the control, `without` one OPD; None for an empty arm."""
        means: list[float] = []
        for arm in (True, False):
            of_arm = [g for g, treated in enumerate(self.treated) if treated is arm and g != without]
            if not of_arm:
                return None
            weight = math.fsum(self.weights[g] for g in of_arm)
            means.append(math.fsum(self.weights[g] * changes[g] for g in of_arm) / weight)
        treated, control = means
        return treated - control

    def compare(self, changes: Sequence[float], margin: float) -> Comparison:
        """What the OPDs' changes say of a difference as large as the margin."""
        estimate = self.estimate(changes)
        if estimate is None:
            return Comparison()
        p_within, p_worse = self._p(changes, margin), self._p(changes, -margin)
        left = [self.estimate(changes, without=g) for g in range(len(self.weights))]
        squares = [(one - estimate) ** 2 for one in left if one is not None]
        if len(squares) < len(left):
            return Comparison(estimate, p_within=p_within, p_worse=p_worse)
        se = math.sqrt(math.fsum(squares) * self.degrees / len(left))
        half = t_quantile(self.degrees) * se
        return Comparison(estimate, se, estimate - half, estimate + half, p_within, p_worse)

    def _p(self, changes: Sequence[float], margin: float) -> float:
        """How rarely lots give as large a gap, the margin added to the treated; below 0, as small a one."""
        import numpy as np

        shifted = np.array(changes) + margin * np.array(self.treated)
        treated, control = (
            np.array(self.weights) * self.treated,
            np.array(self.weights) * np.logical_not(self.treated),
        )
        observed = shifted @ (treated / treated.sum() - control / control.sum())
        side = 1 if margin >= 0 else -1
        tie = _ROUNDING * float(np.abs(shifted).max())
        as_far = int(np.count_nonzero(side * (self.contrasts @ shifted - observed) >= -tie))
        return (1 + as_far) / (1 + self.draws)


def t_quantile(degrees: int, level: float = LEVEL) -> float:
    """The t that Student's distribution with so many whole degrees of freedom exceeds, either way, in 1 - level.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4.
    """

    def within(angle: float) -> float:
        """The probability of |t| <= sqrt(degrees) tan(angle): a finite sum for whole degrees."""
        sine, cosine = math.sin(angle), math.cos(angle)
        odd = degrees % 2
        term, terms = (cosine if odd else 1.0), list[float]()
        for n in range(2 + odd, degrees + 1, 2):
            terms.append(term)
            term *= cosine * cosine * (n - 1) / n
        total = sine * math.fsum(terms)
        return 2 / math.pi * (angle + total) if odd else total

    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if within(middle) < level else (low, middle)
    return math.sqrt(degrees) * math.tan(low)
