"""`python -m bench [PART ...]`: measure, print a table, write `bench/results/latest.json`."""

import asyncio
import importlib
import json
import sys

from rich.table import Table

from bench.harness import ROOT, Figures, console

PARTS = ("projector", "intake", "board", "roster")
RESULTS = ROOT / "bench" / "results" / "latest.json"


async def measure(parts: list[str]) -> Figures:
    figures = Figures(json.loads(RESULTS.read_text()) if RESULTS.exists() else {})
    for name in parts:
        console.rule(name)
        part = importlib.import_module(f"bench.{name}")
        await part.measure(figures)
        # After each part, so that a run stopped halfway keeps what it has measured.
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(figures.values, indent=2, sort_keys=True) + "\n")
    return figures


def main() -> None:
    chosen = [word for word in sys.argv[1:] if word] or list(PARTS)
    unknown = [word for word in chosen if word not in PARTS]
    if unknown:
        raise SystemExit(f"no such part: {', '.join(unknown)}. Parts: {', '.join(PARTS)}")
    figures = asyncio.run(measure(chosen))
    table = Table("figure", "median", "runs")
    for name, value in sorted(figures.values.items()):
        if isinstance(value, float | int):
            runs = figures.values.get(f"{name}_runs", [])
            table.add_row(name, f"{value:,.4g}", ", ".join(f"{run:,.4g}" for run in runs))  # pyright: ignore
    console.print(table)


if __name__ == "__main__":
    main()
