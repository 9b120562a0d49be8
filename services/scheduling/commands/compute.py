"""The method at work, away from the event loop.

A small roster is planned in a thread. A large one goes to a process for each core, which ends with it: the
service's memory stays flat and requests are answered meanwhile.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import Span, UnitInput
from services.scheduling.domain.roster import plan_unit

SMALL = 60_000
"""Person-days that a thread plans in about half a second."""


def plan_units(units: Sequence[UnitInput], span: Span) -> list[UnitRoster]:
    """The rosters of `units`, in order."""
    return [plan_unit(unit, span) for unit in units]


def _person_days(units: Sequence[UnitInput], span: Span) -> int:
    return sum(len(unit.people) for unit in units) * ((span.last - span.first).days + 1)


def _shares(units: Sequence[UnitInput], people: int) -> list[list[UnitInput]]:
    """`units` cut into pieces of about `people` people."""
    pieces: list[list[UnitInput]] = [[]]
    size = 0
    for unit in units:
        if size >= people:
            pieces.append([])
            size = 0
        pieces[-1].append(unit)
        size += len(unit.people)
    return pieces


async def compute(units: Sequence[UnitInput], span: Span) -> list[UnitRoster]:
    """The rosters of `units`, in order."""
    if _person_days(units, span) <= SMALL:
        return await asyncio.to_thread(plan_units, units, span)
    loop = asyncio.get_running_loop()
    # spawn: a forked child of a process with threads and connections is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 4), mp_context=context) as pool:
        parts = await asyncio.gather(
            *(loop.run_in_executor(pool, plan_units, piece, span) for piece in _shares(units, 1000))
        )
    return [roster for part in parts for roster in part]
