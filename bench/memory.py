"""What a system that nobody uses takes: all processes of `hadir up`, Kafka and PostgreSQL included.

RSS counts a page once for each process that maps it, PSS once in all. The CPU is what it takes in a minute after
that: half of it is the broker's.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import psutil

from bench.builds import Build
from bench.harness import Phases, folder_of_its_own
from bench.system import EVE, cpu_us, up

SETTLED_S = 20.0
"""Connections that only the start needed are closed by then."""
WATCHED_S = 20.0


async def _turn(build: Build) -> dict[str, float]:
    with folder_of_its_own() as folder:
        async with up(build, folder, EVE) as here:
            await asyncio.sleep(SETTLED_S)
            root = psutil.Process(here.pid)
            taken = [process.memory_full_info() for process in (root, *root.children(recursive=True))]
            before, started = cpu_us(here.pid), time.monotonic()
            await asyncio.sleep(WATCHED_S)
            spent_us = sum(cpu_us(here.pid).values()) - sum(before.values())
            minutes = (time.monotonic() - started) / 60
    return {
        "idle_rss_mib": sum(one.rss for one in taken) / 2**20,
        "idle_pss_mib": sum(one.pss for one in taken) / 2**20,
        "idle_cpu_s": spent_us / 1e6 / minutes,
    }


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """Each turn on an empty state directory."""
    yield {build.name: [partial(_turn, build)] for build in builds}
