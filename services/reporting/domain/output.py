"""What people produce at home beside what they produce in the office (docs/rules.md#what-was-produced). Pure.

The comparison is within one person and one task: who works at home more, or does there what takes less, changes
nothing. Of all days thrown together such a difference would look like one of the place.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple
from uuid import UUID

from services.reporting.domain.disclosure import FEW
from shared.events import Mode

By = Literal["opd", "unit", "task", "mode"]
"""What the output of a date is added up by. Of tasks a report is counted in each that it holds."""
ByOrDay = By | Literal["day"]

SEED = 2025_12_02
"""Of the resampling, unless one says otherwise: the first day of the rotation."""
RESAMPLES = 2_000
LEVEL = 0.95
_DECIMALS = 9
"""To which the interval is rounded: the last bits of a mean are the processor's."""


class Worked(NamedTuple):
    """One person's days of one mode with one task that a reviewed report holds, and the minutes earned by it."""

    employee_id: UUID
    task: str
    mode: Mode
    days: int
    earned: float


class ModeRatio(NamedTuple):
    """Output by hour at home over that in the office, averaged over `people`, and its 95 % interval.

    None where fewer than five people can be compared.
    """

    value: float | None
    low: float | None
    high: float | None
    people: int
    seed: int
    resamples: int


def ratios(worked: Iterable[Worked], silent: Mapping[tuple[UUID, Mode], int]) -> dict[UUID, float]:
    """Of each person who can be compared the mean over their tasks of minutes a day at home / in the office.

    `silent`: how many days of a person and mode nothing was handed in of. They are days of each of their tasks on
    which nothing was earned: else whoever hands in nothing at home would not count. A task that nothing was earned
    by in the office, or that has no day in one of the two, compares nothing.
    """
    found: dict[UUID, dict[str, dict[Mode, Worked]]] = {}
    for one in worked:
        found.setdefault(one.employee_id, {}).setdefault(one.task, {})[one.mode] = one

    def minutes_a_day(who: UUID, mode: Mode, one: Worked | None) -> float | None:
        days = silent.get((who, mode), 0) + (one.days if one else 0)
        return (one.earned if one else 0.0) / days if days else None

    means: dict[UUID, float] = {}
    for who, tasks in sorted(found.items()):
        of_tasks: list[float] = []
        for _, modes in sorted(tasks.items()):
            home = minutes_a_day(who, "WFH", modes.get("WFH"))
            office = minutes_a_day(who, "WFO", modes.get("WFO"))
            if home is not None and office:
                of_tasks.append(home / office)
        if of_tasks:
            means[who] = math.fsum(of_tasks) / len(of_tasks)
    return means


def mode_ratio(of_people: Collection[float], seed: int = SEED, resamples: int = RESAMPLES) -> ModeRatio:
    """The mean of people's ratios, with the percentile interval of the means of as many people drawn with
    replacement: a resample draws people, never days, for one person's days are alike.

    The draws are PCG64's numbers of 64 bits from the seed, each modulo the number of people, in the order given.
    """
    people = len(of_people)
    if people < FEW:
        return ModeRatio(None, None, None, people, seed, resamples)
    import numpy as np  # loaded where a ratio is asked for: a service that sits idle does without it

    values, lots = np.array(list(of_people)), np.random.PCG64(seed)
    means = sorted(float(values[lots.random_raw(people) % people].mean()) for _ in range(resamples))
    tail = (1 - LEVEL) / 2
    low, high = (means[math.ceil(share * resamples) - 1] for share in (tail, 1 - tail))
    return ModeRatio(
        math.fsum(of_people) / people, round(low, _DECIMALS), round(high, _DECIMALS), people, seed, resamples
    )
