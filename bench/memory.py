"""What a system that nobody uses takes: all processes of `hadir up`, Kafka and PostgreSQL included.

RSS counts a page once for each process that maps it, PSS once in all.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import psutil

from bench.builds import Build
from bench.harness import Phases, folder_of_its_own
from bench.system import EVE, up

SETTLED_S = 15.0


async def _turn(build: Build) -> dict[str, float]:
    with folder_of_its_own() as folder:
        async with up(build, folder, EVE) as here:
            await asyncio.sleep(SETTLED_S)
            root = psutil.Process(here.pid)
            taken = [process.memory_full_info() for process in (root, *root.children(recursive=True))]
    return {
        "idle_rss_mib": sum(one.rss for one in taken) / 2**20,
        "idle_pss_mib": sum(one.pss for one in taken) / 2**20,
    }


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """Each turn on an empty state directory."""
    yield {build.name: [partial(_turn, build)] for build in builds}
