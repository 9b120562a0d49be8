"""The methods at work, away from the event loop.

A small roster is planned in a thread. A large one goes to a process for each core, which ends with it: the
service's memory stays flat and requests are answered meanwhile.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Literal

from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import Span, UnitInput
from services.scheduling.domain.roster import plan_unit

Method = Literal["auto", "direct", "solver"]
"""`auto`: the solver for units where requests or limits interact, the rotation for all others."""

SMALL = 60_000
"""Person-days that a thread plans in about half a second."""


def plan_units(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
    """The rosters of `units`, in order."""
    if method == "direct":
        return [plan_unit(unit, span) for unit in units]
    from services.scheduling import solver  # half a second and 60 MB that most rosters do not need

    return [
        solver.solve_unit(unit, span)
        if method == "solver" or solver.needs_solver(unit, span)
        else plan_unit(unit, span)
        for unit in units
    ]


def _method(units: Sequence[UnitInput], span: Span, method: Method) -> Method:
    """`direct` where nothing asks for the solver, so that it is not even loaded."""
    wishes = any(unit.apart or any(person.wishes for person in unit.people) for unit in units)
    if method == "auto" and not wishes and not any(one.content.limits.never_two_in_a_row for one in span.policies):
        return "direct"
    return method


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


async def compute(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
    """The rosters of `units`, in order."""
    method = _method(units, span, method)
    if sum(len(unit.people) for unit in units) * len(span.days) <= SMALL:
        return await asyncio.to_thread(plan_units, units, span, method)
    loop = asyncio.get_running_loop()
    # spawn: a forked child of a process with threads and connections is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 4), mp_context=context) as pool:
        parts = await asyncio.gather(
            *(loop.run_in_executor(pool, plan_units, piece, span, method) for piece in _shares(units, 1000))
        )
    return [roster for part in parts for roster in part]
