"""`python -m bench [--base COMMIT] [--runs N] [PART ...]`: measure, compare, keep.

A part is a module here with `prepared(builds)`: a context manager whose value gives, for each build, its phases; a
phase is a turn to be taken again and again, and each turn returns its figures by name. The builds take turns:
this, base, this, base ... on the same machine and the same servers. A part that compares nothing but its own
variants has `measure(figures)` instead, and runs for this build alone.
"""

import argparse
import asyncio
import datetime as dt
import importlib
from collections.abc import Sequence
from types import ModuleType

from rich.table import Table

from bench import reach, results
from bench.builds import Build, base_build, this_build
from bench.harness import RUNS, Figures, console
from bench.results import Results

PARTS = (
    *("projector", "intake", "board", "burst", "handover", "restart", "ticker", "notify", "webhooks"),
    *("memory", "storage", "roster", "peers", "nation", "pilot"),
)
LONG = ("history", "log", "pack")
"""These take up to half an hour, and run where they are named."""


async def measure(parts: Sequence[str], builds: Sequence[Build], runs: int) -> Results:
    this = builds[0]
    known = results.read(results.path_of(this.commit))
    kept = known or Results(commit=this.commit, machine=results.here())
    base = next((build.commit for build in builds if build.name == "base"), None)
    for name in parts:
        console.rule(name)
        part = importlib.import_module(f"bench.{name}")
        figures = {build.name: Figures() for build in builds}
        if hasattr(part, "prepared"):
            await _take_turns(part, builds, figures, runs)
        else:
            await part.measure(figures["this"])
        compared = figures["base"].runs if base else {}
        kept = results.merged(kept, figures["this"].runs, base, compared, dt.datetime.now(dt.UTC))
        kept = kept.model_copy(update={"dirty": this.dirty, "machine": results.here()})
        results.keep(kept)  # after each part, so that a run stopped halfway keeps what it has measured
    return kept


async def _take_turns(part: ModuleType, builds: Sequence[Build], figures: dict[str, Figures], runs: int) -> None:
    async with part.prepared(builds) as phases:
        for number in range(len(phases["this"])):
            for turn in range(1, runs + 1):
                for build in (one for one in builds if number < len(phases.get(one.name, ()))):
                    for name, value in (await phases[build.name][number]()).items():
                        figures[build.name].append(name, value)
                        console.print(f"  turn {turn}/{runs} [bold]{build.name}[/] {name}: {value:,.4g}")


def _show(kept: Results) -> None:
    table = Table("figure", "this", "base", "ratio", "turns")
    for name, one in sorted(kept.figures.items()):
        turns = " ".join(f"{run:,.4g}" for run in one.runs)
        table.add_row(name, _number(one.median), _number(one.base_median), _number(one.ratio), turns)
    console.print(table)
    table = Table("figure", "wanted", "measured", "", title="the reach (why: bench/reach.toml)")
    colours = {"reached": "green", "not reached": "red", "not measured": "yellow"}
    for aim in reach.aims(reach.FILE.read_text()):
        verdict = aim.verdict(kept.figures)
        value = _number(aim.measured(kept.figures))
        table.add_row(aim.figure, aim.wanted, value, f"[{colours[verdict]}]{verdict}[/]")
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"


def check() -> None:
    """Raises SystemExit where the latest results have lost a figure."""
    latest = results.read(results.LATEST)
    if latest is None:
        raise SystemExit("nothing was measured yet: run `make bench BASE=<commit>` first")
    files = sorted(results.FOLDER.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    earlier = [one for path in files if path != results.LATEST and (one := results.read(path)) is not None]
    compared = sum(one.ratio is not None for one in latest.figures.values())
    if not compared:
        raise SystemExit("no figure has a base: run `make bench BASE=<commit>` first")
    found = reach.losses(latest, earlier)
    for loss in found:
        console.print(f"[red]lost[/] {loss.figure}: ratio {loss.ratio:g}, {loss.before:g} for {loss.against}")
    if found:
        raise SystemExit(f"{len(found)} of {compared} figures got worse by more than {reach.LOST:.0%}")
    console.print(f"{compared} figures compared with their base: none got worse by more than {reach.LOST:.0%}")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench")
    arguments.add_argument("--base", help="the commit to compare with, run in turn with this one")
    arguments.add_argument("--runs", type=int, default=RUNS, help="turns of each build")
    arguments.add_argument("--check", action="store_true", help="measure nothing: has the latest lost a figure?")
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join((*PARTS, *LONG))}")
    given = arguments.parse_args()
    if given.check:
        check()
        return
    unknown = [word for word in given.parts if word not in (*PARTS, *LONG)]
    if unknown:
        raise SystemExit(f"no such part: {', '.join(unknown)}. Parts: {', '.join((*PARTS, *LONG))}")
    builds = [this_build(), *([base_build(given.base)] if given.base else [])]
    _show(asyncio.run(measure(given.parts or PARTS, builds, given.runs)))


if __name__ == "__main__":
    main()
