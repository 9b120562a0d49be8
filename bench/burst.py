"""24,000 check-ins in 60 s, with the board open: what is answered, what is kept, how long anyone waits.

Once for each build, as nobody checks in twice: people come at random moments of the minute (a Poisson process),
and a request's latency counts from the moment it was due. `burst_lost` is what the receipts promise and the facts
of reporting, or the board, do not have afterwards.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from bench import load
from bench.builds import Build
from bench.harness import Phases, folder_of_its_own
from bench.system import DAY, MORNING, PATIENCE_S, STAFF, Prepared, prepared_city, until_counted, up
from demo.topics import all_read
from demo.watch import Watcher, quantile
from deploy.local.state import State

MINUTE_S = 60.0
CONNECTIONS = 256


class _Burst:
    """The one turn of a build; asked again, it measures nothing."""

    def __init__(self, world: Prepared) -> None:
        self.world = world
        self.done = False

    async def turn(self) -> dict[str, float]:
        if self.done:
            return {}
        self.done = True
        world = self.world
        async with up(world.of, world.folder, MORNING) as here:
            await all_read(here.kafka, within_s=PATIENCE_S)
            watcher = Watcher(here.client, world.officer, DAY)
            watching = asyncio.create_task(watcher.run())
            await until_counted(watcher, 0)
            first = world.working()
            # Who has no hours today may come all the same; the board does not count them.
            others = [plan.employee_id for plan in world.plans if plan.starts_at is None]
            rest = (others + first)[: STAFF - len(first)]
            draw = random.Random(11)
            requests = [world.check_in(here.client, person, MORNING) for person in first]
            requests += [world.check_in(here.client, person, MORNING) for person in rest]
            draw.shuffle(requests)
            due = sorted(draw.uniform(0, MINUTE_S) for _ in requests)
            address = urlsplit(here.http)
            answers = await load.run(
                address.hostname or "", address.port or 0, requests, connections=CONNECTIONS, due=due
            )
            recorded = answers.statuses[201]
            counted = await _settled(watcher, len(first))
            await all_read(here.kafka, within_s=PATIENCE_S)
            facts = await _facts(world, here.postgres)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            return {
                "burst_p50_s": quantile(answers.latencies_s, 0.5) or 0.0,
                "burst_p99_s": quantile(answers.latencies_s, 0.99) or 0.0,
                "burst_worst_s": max(answers.latencies_s),
                "burst_unanswered": float(STAFF - recorded),
                "burst_lost": float(abs(recorded - facts) + abs(len(first) - counted)),
                "burst_elapsed_s": answers.elapsed_s,
            }


async def _settled(watcher: Watcher, expected: int) -> int:
    """How many the board counts, once it counts all or a minute has passed."""
    deadline = time.monotonic() + 60
    while watcher.updates[-1].checked_in < expected and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return watcher.updates[-1].checked_in


async def _facts(world: Prepared, postgres: str) -> int:
    """The punches that reporting knows."""
    connection: asyncpg.Connection = await asyncpg.connect(State(world.folder).database_url("reporting", postgres))
    try:
        return await connection.fetchval("select count(*) from fact_punch")
    finally:
        await connection.close()


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """The same city for each build, in a state directory of its own."""
    with ExitStack() as folders:
        bursts = {
            build.name: _Burst(await prepared_city(build, folders.enter_context(folder_of_its_own())))
            for build in builds
        }
        yield {name: [burst.turn] for name, burst in bursts.items()}
