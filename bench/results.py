"""What was measured, as kept in `bench/results/`: one file for each commit, `latest.json` the newest of them."""

import datetime as dt
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parent / "results"
LATEST = FOLDER / "latest.json"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Figure(_Model):
    """One figure of a build, and of its base where both ran in turn.

    ratio is this build's over the base's: the median of the turns' ratios where the turns pair up, so that a
    drift of the machine cancels out. None without a base, or where the base's is 0.
    """

    median: float
    runs: list[float]
    base: str | None = None
    base_median: float | None = None
    base_runs: list[float] = []
    ratio: float | None = None
    measured_at: str


class Machine(_Model):
    """Where it was measured; memory in GiB."""

    cpu: str
    cores: int
    memory_gib: int
    system: str
    python: str


class Results(_Model):
    """One commit's figures by name. A name ends in its unit; a ratio has none."""

    commit: str
    dirty: bool = False
    machine: Machine
    figures: dict[str, Figure] = {}


def figure(runs: Sequence[float], base: str | None, base_runs: Sequence[float], at: dt.datetime) -> Figure:
    """The figure of one build's turns beside the base's."""
    compared = base is not None and bool(base_runs)
    return Figure(
        median=_rounded(statistics.median(runs)),
        runs=[_rounded(run) for run in runs],
        base=base if compared else None,
        base_median=_rounded(statistics.median(base_runs)) if compared else None,
        base_runs=[_rounded(run) for run in base_runs] if compared else [],
        ratio=ratio(runs, base_runs) if compared else None,
        measured_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def ratio(runs: Sequence[float], base_runs: Sequence[float]) -> float | None:
    """This over base: the median over turns, or of medians where their number differs; None for a base of 0."""
    if len(runs) == len(base_runs) and all(base_runs):
        return _rounded(statistics.median(one / other for one, other in zip(runs, base_runs, strict=True)))
    under = statistics.median(base_runs)
    return _rounded(statistics.median(runs) / under) if under else None


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def merged(
    results: Results,
    this: Mapping[str, Sequence[float]],
    base: str | None,
    base_runs: Mapping[str, Sequence[float]],
    at: dt.datetime,
) -> Results:
    """`results` with the figures of one part; what the part did not measure stays."""
    fresh = {name: figure(runs, base, base_runs.get(name, ()), at) for name, runs in this.items()}
    return results.model_copy(update={"figures": {**results.figures, **fresh}})


def here() -> Machine:
    """This machine."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpu=cpu,
        cores=os.cpu_count() or 1,
        memory_gib=round(memory / 2**30),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
    )


def path_of(commit: str) -> Path:
    return FOLDER / f"{commit[:7]}.json"


def read(path: Path) -> Results | None:
    """The results of a file; None where there is none."""
    return Results.model_validate_json(path.read_text()) if path.exists() else None


def keep(results: Results) -> None:
    """Write the commit's own file, and `latest.json`."""
    FOLDER.mkdir(exist_ok=True)
    text = results.model_dump_json(indent=1, exclude_defaults=True) + "\n"
    for path in (path_of(results.commit), LATEST):
        path.write_text(text)
