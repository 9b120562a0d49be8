"""`make soak MINUTES=60`: the load without faults, and whether memory, open files or what waits grow with it."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from tests.nemesis.rig import Rig
from tests.nemesis.schedule import SERVICES

EVERY_S = 5.0
WARM = 0.3
"""So much of a run is left out: caches fill and pools open."""
MOST_GROWTH = 0.1
"""By so much of its mean a measure may grow over the rest of the run."""
LEAST = {"rss_mb": 15.0, "files": 15.0, "waiting": 200.0}
"""Growth below this is no leak, however small the mean."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process; `waiting` are rows of its outbox, of reporting what is to be computed as well."""

    at_s: float
    part: str
    rss_mb: float
    files: float
    waiting: float = 0.0


async def sample(rig: Rig, began: float) -> list[Sample]:
    """Every service as of now; one that is being started again is left out."""
    found: list[Sample] = []
    for name in SERVICES:
        waiting = 0.0
        session = await rig.connect(name.partition(".")[0])
        try:
            waiting = float(await session.fetchval("select count(*) from outbox"))
            if name == "reporting":
                waiting += float(await session.fetchval("select count(*) from touched"))
        finally:
            await session.close()
        with suppress(psutil.NoSuchProcess, IndexError):
            process = rig.processes(name)[0]
            rss = process.memory_info().rss / 2**20
            found.append(Sample(time.monotonic() - began, name, rss, float(process.num_fds()), waiting))
    return found


def growth(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(by how much the least-squares line through (s, value) rises from its first to its last, the mean)."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return slope * (points[-1][0] - points[0][0]), mean_y


def leaks(samples: Sequence[Sample]) -> list[str]:
    """What grows, in words. Both halves have to grow: a step, as when a pool opens, is no slope."""
    found: list[str] = []
    for part, series in series_of(samples).items():
        for measure, least in LEAST.items():
            points = [(one.at_s, float(getattr(one, measure))) for one in series]
            points = points[int(len(points) * WARM) :]
            if len(points) < 6:
                continue
            rise, mean = growth(points)
            middle = len(points) // 2
            halves = [growth(points[:middle])[0], growth(points[middle:])[0]]
            if rise > max(least, MOST_GROWTH * mean) and all(half > rise / 5 for half in halves):
                found.append(f"{part}: {measure} grows by {rise:.1f} from a mean of {mean:.1f}")
    return found


def series_of(samples: Sequence[Sample]) -> Mapping[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.part, []).append(one)
    return found


def draw(samples: Sequence[Sample], to: Path) -> None:
    """Memory, open files and what waits, over time, as a PNG."""
    from PIL import Image, ImageDraw

    colours = ["#1b6ca8", "#c0392b", "#1e8449", "#7d3c98", "#b9770e"]
    width, height, edge = 1000, 260, 60
    picture = Image.new("RGB", (width, height * len(LEAST)), "white")
    pen = ImageDraw.Draw(picture)
    longest = max((one.at_s for one in samples), default=1.0) or 1.0
    for row, measure in enumerate(LEAST):
        top = height * row + 25
        highest = max((float(getattr(one, measure)) for one in samples), default=1.0) or 1.0
        pen.text((edge, top - 20), f"{measure}, up to {highest:.0f}, over {longest / 60:.1f} min", "black")
        pen.rectangle((edge, top, width - 140, top + height - 50), outline="#999999")
        for number, (part, series) in enumerate(sorted(series_of(samples).items())):
            colour = colours[number % len(colours)]
            pen.text((width - 130, top + 15 * number), part, colour)
            points = [
                (
                    edge + (width - 140 - edge) * one.at_s / longest,
                    top + (height - 50) * (1 - float(getattr(one, measure)) / highest),
                )
                for one in series
            ]
            for before, after in pairwise(points):
                pen.line((before, after), fill=colour, width=2)
    picture.save(to)
