"""How everything here is measured: builds and variants take turns in one run; a figure is the median of its turns.

Absolute numbers drift with the machine; a ratio of two variants that took turns does not, so ratios are what to
compare between machines and days.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

RUNS = 5
ROOT = Path(__file__).parents[1]
console = Console(stderr=True)

Variant = Callable[[], Awaitable[float]]

Turn = Callable[[], Awaitable[Mapping[str, float]]]
"""Measures once; returns figures by name. A name ends in its unit; a ratio has none."""

Phases = Mapping[str, Sequence[Turn]]
"""By the name of the build: what is measured of it, phase after phase, each in turn with the other builds."""


@dataclass
class Figures:
    """What the turns of one build came to: every run of each figure, in order."""

    runs: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def append(self, name: str, value: float) -> None:
        self.runs.setdefault(name, []).append(value)

    def add(self, name: str, runs: list[float]) -> float:
        """Take all runs of a figure at once; returns their median."""
        self.runs[name] = runs
        return statistics.median(runs)


async def interleaved(variants: Mapping[str, Variant], *, runs: int = RUNS) -> dict[str, list[float]]:
    """Run the variants in turn, `runs` times: A B A B ... Returns what each returned, in order."""
    results: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(1, runs + 1):
        for name, variant in variants.items():
            value = await variant()
            results[name].append(value)
            console.print(f"  run {turn}/{runs} [bold]{name}[/]: {value:,.3f}")
    return results


def ratios(over: list[float], under: list[float]) -> list[float]:
    """Run by run, so that a drift of the machine during the measurement cancels out."""
    return [one / other for one, other in zip(over, under, strict=True)]


@dataclass(frozen=True, slots=True)
class Machine:
    """Real servers of this measurement's own."""

    kafka: str
    admin_url: str
    folder: Path
    database: Callable[[str], Awaitable[str]]
    """Make a fresh database of that name; returns its URL."""


@contextmanager
def folder_of_its_own() -> Generator[Path, None, None]:
    """An empty folder that is removed afterwards. PostgreSQL's account may pass through it: where it may not, the
    data would be made elsewhere and stay there."""
    with tempfile.TemporaryDirectory(prefix="hadir-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@asynccontextmanager
async def machine() -> AsyncGenerator[Machine, None]:
    """An embedded Kafka with the contract's topics and an embedded PostgreSQL, in a folder that is removed."""
    from deploy.local.kafka import Kafka
    from deploy.local.postgres import Postgres, ensure_database
    from deploy.local.state import State
    from deploy.local.topics import create_topics

    with folder_of_its_own() as folder:
        state = State(folder)
        state.create()
        kafka, postgres = Kafka(state), Postgres(state)
        try:
            await kafka.start()
            await postgres.start()
            await create_topics(kafka.bootstrap)
            yield Machine(kafka.bootstrap, postgres.url, folder, partial(ensure_database, state, postgres.url))
        finally:
            await postgres.stop()
            await kafka.stop()


async def child(*argv: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run `python -m argv...` in a process of its own; returns the JSON object of its last output line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *argv,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"python -m {' '.join(argv)} ended with {process.returncode}")
    return json.loads(output.decode().strip().splitlines()[-1])
