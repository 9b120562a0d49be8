"""From a check-in's answer to the city board that counts it, at 500 check-ins a second in a city of 24,000.

The whole system runs on this machine as `hadir up` starts it, afresh for each turn; the load and the browser's
stream run beside it.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from bench import load
from bench.builds import Build
from bench.harness import Phases, folder_of_its_own
from bench.system import (
    DAY,
    MORNING,
    NOON,
    PATIENCE_S,
    Prepared,
    Up,
    cpu_us,
    prepared_city,
    until_at_rest,
    until_counted,
    up,
    waiting_steps,
)
from demo.topics import all_read
from demo.watch import Watcher, delays, quantile

RATE = 500.0
CHECK_INS = 4_000
WARM_UP = 250
"""Check-ins before each turn that are not counted: a process that has just started is not what is asked."""


class _Board:
    """The turns of one build: each takes up the day where the last one left it."""

    def __init__(self, world: Prepared) -> None:
        self.world = world
        self.waiting = world.working()
        self.counted = 0
        self.views = 0

    async def check_ins(self) -> dict[str, float]:
        """One turn of CHECK_INS at RATE, fewer where not so many people are left."""
        at = MORNING + timedelta(minutes=2) * (self.counted // CHECK_INS)
        async with up(self.world.of, self.world.folder, at) as here:
            await all_read(here.kafka, within_s=PATIENCE_S)
            watcher = Watcher(here.client, self.world.officer, DAY)
            watching = asyncio.create_task(watcher.run())
            try:
                await self._load(here, watcher, WARM_UP)
                await until_at_rest(here.pid)
                return await self._load(here, watcher, CHECK_INS)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _load(self, here: Up, watcher: Watcher, wanted: int) -> dict[str, float]:
        people, self.waiting = self.waiting[:wanted], self.waiting[wanted:]
        if not people:
            raise RuntimeError("everyone has checked in: take fewer turns")
        before = self.counted
        await until_counted(watcher, before)
        requests = [self.world.check_in(here.client, person, MORNING) for person in people]
        address = urlsplit(here.http)
        started = cpu_us(here.pid)
        async with waiting_steps(self.world, here.postgres) as waiting:
            answers = await load.run(address.hostname or "", address.port or 0, requests, rate=RATE)
        if set(answers.statuses) != {201}:
            raise RuntimeError(f"not every check-in was recorded: {dict(answers.statuses)}")
        self.counted += len(people)
        await until_counted(watcher, self.counted)
        spent = {part: us - started.get(part, 0.0) for part, us in cpu_us(here.pid).items()}
        # Who came before has long been counted: the k-th receipt of this turn is the (before + k)-th of all.
        took = delays([0.0] * before + answers.finished, watcher.updates, before=NOON)[before:]
        return {
            "checkin_to_board_p50_s": quantile(took, 0.5) or 0.0,
            "checkin_to_board_p99_s": quantile(took, 0.99) or 0.0,
            "checkin_to_board_rate_per_s": len(people) / answers.elapsed_s,
            "checkin_cpu_us": sum(spent.values()) / len(people),
            **({"steps_behind_s": max(waiting) / RATE} if waiting else {}),
            **{f"checkin_{part}_cpu_us": us / len(people) for part, us in spent.items()},
        }

    async def city_view(self) -> dict[str, float]:
        """One turn of views of the city at noon, one after the other."""
        self.views += 1
        async with up(self.world.of, self.world.folder, NOON + timedelta(minutes=2) * self.views) as here:
            await all_read(here.kafka, within_s=PATIENCE_S)
            took: list[float] = []
            for _ in range(30):
                started = time.perf_counter()
                params = {"date": DAY.isoformat()}
                await here.client.call(self.world.officer, "GET", "/reporting/v1/city", params=params)
                took.append((time.perf_counter() - started) * 1000)
            return {"city_view_ms": statistics.median(took[10:])}


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """The same city for each build, in a state directory of its own."""
    with ExitStack() as folders:
        boards = {
            build.name: _Board(await prepared_city(build, folders.enter_context(folder_of_its_own())))
            for build in builds
        }
        yield {name: [board.check_ins, board.city_view] for name, board in boards.items()}
