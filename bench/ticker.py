"""What an announced event costs: the CPU time of the ticker, in Python and in its PostgreSQL backends.

Each turn plays the same morning (`ticker_world.py`) on a database of its own, by each build's own functions. With
`_with_drain` the computing of steps that the ticker reads is counted too. `ticker_announced` must be the same for
both builds.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

from bench.builds import Build
from bench.harness import Phases, machine

WORLD = Path(__file__).with_name("ticker_world.py")


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """A fresh database for each turn."""
    async with machine() as here:
        numbers = count(1)

        async def turn(build: Build) -> dict[str, float]:
            url = await here.database(f"bench_ticker_{next(numbers)}")
            await build.migrate(url, "reporting")
            # -P: no folder of this checkout stands before the build's own.
            return await build.child("-P", str(WORLD), url, here.admin_url)

        yield {build.name: [partial(turn, build)] for build in builds}
