"""What a message costs: the CPU time of a changed plan from its bytes to the inbox, in Python and in PostgreSQL.

Each turn tells the same changes (`notify_world.py`) to a database of its own, by each build's own handler.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

from bench.builds import Build
from bench.harness import Phases, machine

WORLD = Path(__file__).with_name("notify_world.py")


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """A fresh database for each turn."""
    async with machine() as here:
        numbers = count(1)

        async def turn(build: Build) -> dict[str, float]:
            url = await here.database(f"bench_notify_{next(numbers)}")
            await build.migrate(url, "notifications")
            # -P: no folder of this checkout stands before the build's own.
            return await build.child("-P", str(WORLD), url, here.admin_url)

        yield {build.name: [partial(turn, build)] for build in builds}
