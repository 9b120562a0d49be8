"""What a pilot could tell, before it starts: the smallest margin, by simulation from what is known. Pure.

A simulated pilot is made of whole weeks drawn from the past, the same weeks for every OPD, so that a bad week of
the city stays one; and of what else OPDs change by between two halves of the past, beyond what their weeks
explain. No pilot has any effect. Each has a least margin from which on it would say "within the margin": what the
preview tells is how those are spread. Seeded, so the same facts give the same preview.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from services.reporting.domain.periods import Metric
from services.reporting.domain.pilots import ARMS, FEWEST, Arm, Measured, Protocol, weighs_too_much
from services.reporting.domain.trial import ONE_SIDED, Design, t_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

PILOTS = 1_000
"""Simulated; the chance that is told is within 3 percentage points of what more of them would give."""
LOTS = 1_999
"""How often each gives its arms out again; a verdict does it more often, and is the finer for it."""
FEWEST_BLOCKS = 4
"""Weeks, or dates where there are fewer weeks, that a simulation is drawn from."""
WEEK = 7


Never = Literal["small_arm", "one_opd_weighs_too_much", "opd_without_figure", "too_little_past"]


@dataclass(frozen=True, slots=True)
class Past:
    """One OPD in what is known: its weight, and its metric's two parts for each block of dates, oldest first.

    The metric over some blocks is the sum of `above` over the sum of `below`.
    """

    opd_code: str
    arm: Arm
    weight: float
    above: Sequence[float]
    below: Sequence[float]


class Power(NamedTuple):
    """What the design could tell. `chance`: of saying "within the margin" where there is no difference.

    margin_80, margin_50: the least margin told in 80 % and in 50 % of the simulated pilots. drift: the standard
    deviation of what OPDs change by that their weeks do not explain. curve: chances for a few margins.
    All null where nothing could be simulated. `never`: why a verdict is never told, however many pilots.
    """

    chance: float | None
    margin_80: float | None
    margin_50: float | None
    drift: float | None
    curve: Sequence[tuple[float, float]]
    never: Sequence[Never]


def block_days(dates: int) -> int:
    """How many dates make a block: whole weeks where there are enough of them."""
    return WEEK if dates >= FEWEST_BLOCKS * WEEK else 1


def power(protocol: Protocol, past: Sequence[Past], *, days: int, pilots: int = PILOTS) -> Power:
    """What the protocol could tell, were the coming weeks like those known; `days` make a block."""
    rows = sorted((one for one in past if one.weight > 0 and sum(one.below) > 0), key=lambda one: one.opd_code)
    never = _never(rows)
    if len(rows) < len(protocol.everyone):
        never.append("opd_without_figure")
    blocks = min((len(one.below) for one in rows), default=0)
    if blocks < FEWEST_BLOCKS:
        never.append("too_little_past")
    if blocks < FEWEST_BLOCKS or any(sum(one.arm == arm for one in rows) < 2 for arm in ARMS):
        return Power(None, None, None, None, [], never)

    design = Design(
        tuple(one.arm == "treated" for one in rows), tuple(one.weight for one in rows), protocol.seed, LOTS
    )
    changes, drift = simulated(protocol, rows, days=days, pilots=pilots)
    margins = sorted(float(margin) for margin in least_margins(design, changes))

    def chance(margin: float) -> float:
        return sum(least < margin for least in margins) / len(margins)

    def told_in(share: float) -> float:
        return max(0.0, margins[math.ceil(share * len(margins)) - 1])

    steps = sorted({protocol.margin * n / 4 for n in range(1, 9)})
    return Power(
        0.0 if never else chance(protocol.margin),
        told_in(0.8),
        told_in(0.5),
        drift,
        [(step, chance(step)) for step in steps],
        never,
    )


def _never(rows: Sequence[Past]) -> list[Never]:
    measured = [Measured(one.opd_code, one.arm, one.weight, None, Metric(None, None, None)) for one in rows]
    never: list[Never] = []
    if any(sum(one.arm == arm for one in rows) < FEWEST for arm in ARMS):
        never.append("small_arm")
    if weighs_too_much(measured):
        never.append("one_opd_weighs_too_much")
    return never


def simulated(protocol: Protocol, rows: Sequence[Past], *, days: int, pilots: int) -> "tuple[Matrix, float]":
    """Changes of the OPDs in pilots without effect, a row for each pilot; and the drift that was put in."""
    import numpy as np

    above = np.array([one.above for one in rows], dtype=np.float64).T
    below = np.array([one.below for one in rows], dtype=np.float64).T
    blocks = len(above)
    # PCG64 and its seeding are numpy's promise; what `Generator` makes of them may change with a version.
    draw = np.random.Generator(np.random.PCG64(protocol.seed))

    whole = above.sum(axis=0) / below.sum(axis=0)

    def shares(part: "Matrix", of: "Matrix") -> "Matrix":
        """The metric of each OPD; of one that was closed in all of these blocks, that of the whole past."""
        return np.where(of > 0, part / np.where(of > 0, of, 1), whole)

    def metric(of: int, how_many: int) -> "Matrix":
        """Over `of` blocks drawn again and again, a row for each draw."""
        drawn = draw.multinomial(of, np.full(blocks, 1 / blocks), size=how_many).astype(np.float64)
        return shares(drawn @ above, drawn @ below)

    def length(dates: int) -> int:
        return max(1, round(dates / days))

    half = blocks // 2
    early, late = (
        shares(above[at].sum(axis=0), below[at].sum(axis=0)) for at in (slice(half), slice(-half, None))
    )
    # The weeks drawn from vary less than those that they stand for, by one part in as many as there are.
    spread = math.sqrt(blocks / (blocks - 1))
    seen = float(np.var(late - early, ddof=1))
    explained = float(np.var(spread * (metric(half, pilots) - metric(half, pilots)), axis=1, ddof=1).mean())
    # It goes on as a random walk does: twice as far apart, twice the variance.
    drift = math.sqrt(max(0.0, seen - explained) * max(1.0, _apart(protocol, blocks * days) / (half * days)))

    changes: Matrix = spread * (metric(length(protocol.trial.period.days), pilots) - whole)
    if protocol.baseline is not None:
        changes -= spread * (metric(length(protocol.baseline.period.days), pilots) - whole)
    else:
        # Without a baseline OPDs differ by what they are: with no effect any arm could have had any of them.
        changes += draw.permuted(np.tile(whole, (pilots, 1)), axis=1)
    return changes + draw.normal(0, drift, changes.shape), drift


def _apart(protocol: Protocol, known: int) -> float:
    """Dates from the middle of what the trial is compared with to its own; `known` dates end before it."""
    trial, baseline = protocol.trial.period, protocol.baseline and protocol.baseline.period
    if baseline is None:
        return (known + trial.days) / 2
    return (trial.first - baseline.first).days + (trial.days - baseline.days) / 2


def least_margins(design: Design, changes: "Matrix") -> "Matrix":
    """For each row of changes the margin above which `Comparison.told` says "within the margin".

    Solved, not searched: the lower limit is one bound of it; and of each draw of the lots it is known from which
    margin on its gap falls behind the observed one.
    """
    import numpy as np

    treated, weights = np.array(design.treated), np.array(design.weights)
    sums = {arm: float(weights[treated == arm].sum()) for arm in (True, False)}
    means = {arm: changes[:, treated == arm] @ weights[treated == arm] / sums[arm] for arm in (True, False)}
    estimate = means[True] - means[False]
    squares = np.zeros(len(changes))
    for g, arm in enumerate(design.treated):
        mean = (means[arm] * sums[arm] - weights[g] * changes[:, g]) / (sums[arm] - weights[g])
        squares += (mean - means[arm]) ** 2
    half = t_quantile(design.degrees) * np.sqrt(squares * design.degrees / len(weights))

    # Draw r is as far as the observed while margin x (1 - its part of the treated) <= its gap less the observed.
    slack = 1 - design.contrasts @ treated
    gaps = design.contrasts @ changes.T - estimate
    moved = slack > 1e-9
    ends = np.where(moved[:, None], gaps / np.where(moved, slack, 1)[:, None], np.inf)
    allowed = math.floor(ONE_SIDED * (1 + design.draws) + 1e-9) - 1
    by_lots = -np.partition(-ends, allowed, axis=0)[allowed]
    return np.maximum(half - estimate, by_lots)
