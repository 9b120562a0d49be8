"""The methods at work, away from the event loop.

A small roster is planned in a thread. A large one goes to a process for each core, which ends with it: requests
are answered meanwhile, and the service's memory stays what it was.
"""

import asyncio
import contextlib
import os
import pickle
import sys
from collections.abc import Sequence

from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import Method, Span, UnitInput
from services.scheduling.planner import plan_units

SMALL = 60_000
"""Person-days that a thread plans in about a tenth of a second."""


class PlanningFailed(RuntimeError):
    """A planning process ended without an answer; its own words are on standard error."""


def _method(units: Sequence[UnitInput], span: Span, method: Method) -> Method:
    """`direct` where nothing asks for the solver, so that it is not even loaded."""
    wishes = any(unit.apart or any(person.wishes for person in unit.people) for unit in units)
    if method == "auto" and not wishes and not any(one.content.limits.never_two_in_a_row for one in span.policies):
        return "direct"
    return method


def _shares(units: Sequence[UnitInput], count: int) -> list[list[UnitInput]]:
    """`units` in `count` runs of about as many people each."""
    people = sum(len(unit.people) for unit in units)
    shares: list[list[UnitInput]] = [[] for _ in range(count)]
    seen = 0
    for unit in units:
        shares[min(count - 1, seen * count // max(1, people))].append(unit)
        seen += len(unit.people)
    return [share for share in shares if share]


async def _elsewhere(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
    """Plan in a process of its own. It ends with this call, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.scheduling.planner",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        order = await asyncio.to_thread(pickle.dumps, (units, span, method), 5)
        answer, _ = await process.communicate(order)
        if process.returncode != 0:
            raise PlanningFailed(f"the planning process ended with {process.returncode}")
        return await asyncio.to_thread(pickle.loads, answer)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def compute(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
    """The rosters of `units`, in order."""
    method = _method(units, span, method)
    if sum(len(unit.people) for unit in units) * len(span.days) <= SMALL:
        return await asyncio.to_thread(plan_units, units, span, method)
    shares = _shares(units, min(os.cpu_count() or 1, 4))
    parts = await asyncio.gather(*(_elsewhere(share, span, method) for share in shares))
    return [roster for part in parts for roster in part]
