"""How often a pilot's verdict is wrong, and how often it can be given: simulated pilots whose truth is known.

44 OPDs of real sizes, the largest made a third of all staff, eight weeks before and eight of trial. People differ;
those of an OPD share its weeks and its drift; each comes on time or not on each of 40 days. In turn 22 or 6 of the
OPDs are treated, drawn anew for each pilot, and OPDs count by vote or by people. By people the largest holds more
than a fifth of its arm, and nothing may be told: there what the figures alone say is counted too, as if no rule
forbade it. Without a difference the margin is one of a few that are hard to tell, and a preview says how often it
will be.
"""

import asyncio
import math
import random
from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.harness import Figures, console
from demo.city import build
from services.reporting.domain.periods import Metric
from services.reporting.domain.pilots import Arm, Measured, Protocol, judge
from services.reporting.domain.power import Past, power

PILOTS = 400
WEEKS, DAYS = 8, 5
"""Of each period, and days of work in a week."""
MARGIN = 0.03
HARD = (0.006, 0.008, 0.010, 0.012, 0.014)
"""Margins that are told now and then, where there is no difference."""
SEED = 2026
PREVIEWS = 200
"""Pilots that each preview simulates: there are hundreds of previews."""

NOMINAL, BEYOND = 0.025, 0.01
"""What a verdict may say falsely, and how rarely as many as the bound would come of just that."""

LEVELS, PERSON, WEEK_SD, DRIFT_SD = (0.75, 0.88), 0.05, 0.02, 0.004
"""Rates of OPDs and how far people lie from them; how an OPD's weeks vary, and drift from one to the next."""

Floats = NDArray[np.float64]


def bound(pilots: int = PILOTS) -> int:
    """How many false verdicts the nominal rate gives at most, but for BEYOND of such runs: exact, binomial."""
    left = 1.0
    for n in range(pilots + 1):
        left -= math.comb(pilots, n) * NOMINAL**n * (1 - NOMINAL) ** (pilots - n)
        if left <= BEYOND:
            return n
    return pilots


def sizes() -> list[int]:
    """Staff of the city's OPDs; the largest as many as make a third of all."""
    staff = sorted(Counter(one.opd_code for one in build(24_000).employees.values()).values())
    return [*staff[:-1], sum(staff[:-1]) // 2]


class World(NamedTuple):
    """The OPDs and their people: each with a rate of their own."""

    staff: list[int]
    rates: list[Floats]

    @classmethod
    def drawn(cls, dice: np.random.Generator) -> "World":
        staff = sizes()
        levels = dice.uniform(*LEVELS, len(staff))
        return cls(
            staff,
            [dice.uniform(level - PERSON, level + PERSON, n) for level, n in zip(levels, staff, strict=True)],
        )

    def weeks(self, dice: np.random.Generator) -> Floats:
        """What each OPD's weeks differ by from its level, for both periods: a row for each OPD."""
        shape = (len(self.staff), 2 * WEEKS)
        drift = np.cumsum(dice.normal(0, DRIFT_SD, shape), axis=1)
        return drift - drift.mean(axis=1, keepdims=True) + dice.normal(0, WEEK_SD, shape)

    def on_time(self, dice: np.random.Generator, opd: int, shift: float, days: int) -> int:
        """On how many of their days the people of an OPD come on time."""
        return int(dice.binomial(days, np.clip(self.rates[opd] + shift, 0, 1)).sum())


class Design(NamedTuple):
    """A kind of pilot."""

    count_by: str
    treated: int

    @property
    def name(self) -> str:
        return f"{self.count_by}_{self.treated}"


DESIGNS = tuple(Design(count_by, treated) for count_by in ("opd", "people") for treated in (22, 6))


def protocol(design: Design, opds: int, pilot: int, margin: float = MARGIN) -> Protocol:
    """A protocol whose treated are drawn by its number."""
    codes = [f"{n:02}" for n in range(opds)]
    treated = sorted(random.Random(pilot).sample(codes, design.treated))
    return Protocol.model_validate(
        {
            "pilot_id": f"{design.name}-{pilot}",
            "title": "simulated",
            "question": "is what is told true?",
            "metric": "on_time_rate",
            "better": "higher",
            "margin": margin,
            "count_by": design.count_by,
            "treated": treated,
            "control": [code for code in codes if code not in treated],
            "baseline": {"from": "2025-09-01", "to": "2025-10-26"},
            "trial": {"from": "2025-10-27", "to": "2025-12-21"},
            "seed": pilot,
        }
    )


def sharp(rate: float) -> Metric:
    return Metric(rate, rate, rate)


def arm_of(given: Protocol, code: str) -> Arm:
    return "treated" if code in given.treated else "control"


def measured(
    world: World, given: Protocol, weeks: Floats, effect: float, dice: np.random.Generator
) -> list[Measured]:
    """Both periods of every OPD; the treated come on time more rarely by `effect`, each of their people."""
    rows: list[Measured] = []
    days = WEEKS * DAYS
    for g, code in enumerate(given.everyone):
        arm, n = arm_of(given, code), world.staff[g]
        before, after = float(weeks[g, :WEEKS].mean()), float(weeks[g, WEEKS:].mean())
        rates = [
            sharp(world.on_time(dice, g, shift, days) / (n * days))
            for shift in (before, after - (effect if arm == "treated" else 0))
        ]
        rows.append(Measured(code, arm, n if given.count_by == "people" else 1, *rates))
    return rows


def past(world: World, given: Protocol, weeks: Floats, dice: np.random.Generator) -> list[Past]:
    """What a preview knows: the weeks of the baseline."""
    found: list[Past] = []
    for g, code in enumerate(given.everyone):
        above = [float(world.on_time(dice, g, float(weeks[g, week]), DAYS)) for week in range(WEEKS)]
        weight = world.staff[g] if given.count_by == "people" else 1
        found.append(Past(code, arm_of(given, code), weight, above, [float(world.staff[g] * DAYS)] * WEEKS))
    return found


def at_the_margin(design: Design, world: World, dice: np.random.Generator) -> Counter[str]:
    """What pilots say of which the truth is exactly the margin; `raw:` by their figures alone."""
    told: Counter[str] = Counter()
    for pilot in range(PILOTS):
        given = protocol(design, len(world.staff), pilot)
        found = judge(given, measured(world, given, world.weeks(dice), MARGIN, dice), over=True)
        told[found.verdict] += 1
        told[f"raw:{found.figures.told(MARGIN)}"] += 1
    return told


def without_difference(design: Design, world: World, dice: np.random.Generator) -> list[tuple[float, bool]]:
    """The chance that each pilot's preview promised of saying "within the margin", and whether it then did."""
    outcomes: list[tuple[float, bool]] = []
    for pilot in range(PILOTS):
        given = protocol(design, len(world.staff), pilot, HARD[pilot % len(HARD)])
        weeks = world.weeks(dice)
        promised = power(given, past(world, given, weeks, dice), days=7, pilots=PREVIEWS).chance or 0.0
        found = judge(given, measured(world, given, weeks, 0.0, dice), over=True)
        outcomes.append((promised, found.verdict == "within_margin"))
    return outcomes


async def measure(figures: Figures) -> None:
    world = World.drawn(np.random.default_rng(SEED))
    largest = max(world.staff) / sum(world.staff)
    console.print(f"  {len(world.staff)} OPDs, {sum(world.staff):,} people, the largest {largest:.0%} of them")
    console.print(f"  {PILOTS} pilots for each figure; at most {bound()} may be false (binomial, {BEYOND:.0%})")
    for number, design in enumerate(DESIGNS):
        dice = np.random.default_rng([SEED, number])
        told = await asyncio.to_thread(at_the_margin, design, world, dice)
        console.print(f"  at the margin, {design.name}: {dict(told)}")
        figures.add(f"pilot_{design.name}_false_within", [told["within_margin"] / PILOTS])
        figures.add(f"pilot_{design.name}_raw_false_within", [told["raw:within_margin"] / PILOTS])
        figures.add(f"pilot_{design.name}_raw_false_worse", [told["raw:worse_than_margin"] / PILOTS])
    design = Design("opd", 22)
    outcomes = await asyncio.to_thread(without_difference, design, world, np.random.default_rng([SEED, 99]))
    promised = [said for chance, said in outcomes if chance > 0.5]
    mean = sum(chance for chance, _ in outcomes) / PILOTS
    within = sum(said for _, said in outcomes)
    console.print(f"  no difference, {design.name}: {within} of {PILOTS} within, {mean:.3f} promised on average")
    console.print(f"  of {len(promised)} to which more than half was promised, {sum(promised)} within")
    figures.add(f"pilot_{design.name}_within_where_promised", [sum(promised) / len(promised) if promised else 0.0])
    figures.add(f"pilot_{design.name}_within", [within / PILOTS])
    figures.add(f"pilot_{design.name}_promised", [mean])
