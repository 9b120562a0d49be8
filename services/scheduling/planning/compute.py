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
from services.scheduling.planning.planner import LENGTH_BYTES, plan_units

SMALL = 60_000
"""Person-days that a thread plans in about a tenth of a second."""


PIECE = 500
"""People sent at once to a planning process: few enough that packing them holds nobody up."""


class PlanningFailed(RuntimeError):
    """A planning process ended without an answer; its own words are on standard error."""


def _method(units: Sequence[UnitInput], span: Span, method: Method) -> Method:
    """`direct` where nothing asks for the solver, so that it is not even loaded."""
    wishes = any(unit.apart or any(person.wishes for person in unit.people) for unit in units)
    if method == "auto" and not wishes and not any(one.content.limits.never_two_in_a_row for one in span.policies):
        return "direct"
    return method


def _cut(units: Sequence[UnitInput], people: int) -> list[list[UnitInput]]:
    """`units` in runs of about so many people."""
    runs: list[list[UnitInput]] = []
    run: list[UnitInput] = []
    size = people
    for unit in units:
        if size >= people:
            runs.append(run := [])
            size = 0
        run.append(unit)
        size += len(unit.people)
    return runs


async def _elsewhere(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
    """Plan in a process of its own. It ends with this call, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.scheduling.planning.planner",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    to, back = process.stdin, process.stdout
    assert to is not None  # noqa: S101 - both are pipes
    assert back is not None  # noqa: S101
    pieces = _cut(units, PIECE)

    async def order() -> None:
        to.write(pickle.dumps((span, method), 5))
        for piece in pieces:
            to.write(pickle.dumps(piece, 5))
            await to.drain()
        to.write_eof()

    ordering = asyncio.create_task(order())
    try:
        found: list[UnitRoster] = []
        for _ in pieces:
            length = int.from_bytes(await back.readexactly(LENGTH_BYTES))
            found.extend(pickle.loads(await back.readexactly(length)))  # noqa: S301 - our child wrote it
        await ordering
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise PlanningFailed(f"the planning process ended with {await process.wait()}") from error
    else:
        return found
    finally:
        ordering.cancel()
        await asyncio.gather(ordering, return_exceptions=True)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def compute(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
    """The rosters of `units`, in order."""
    method = _method(units, span, method)
    if sum(len(unit.people) for unit in units) * len(span.days) <= SMALL:
        return await asyncio.to_thread(plan_units, units, span, method)
    cores = min(os.cpu_count() or 1, 4)
    shares = _cut(units, sum(len(unit.people) for unit in units) // cores + 1)
    parts = await asyncio.gather(*(_elsewhere(share, span, method) for share in shares))
    return [roster for part in parts for roster in part]
