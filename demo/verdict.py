"""Holds what the system says of a pilot against the truth that was put in, and its figures against our count."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from demo.board import AT_ONCE, MOST_LINES, compare, compare_all
from demo.client import Client, Who
from demo.summary import say
from demo.tally import Tally, leaves
from demo.trial import World

Judged = Literal["right", "wrong", "cannot tell yet"]


@dataclass
class Found:
    """The system's verdict, how many of its figures were looked at, and those that are others than ours."""

    verdict: Mapping[str, Any]
    figures: int = 0
    differences: list[str] = field(default_factory=list[str])

    def look(self, want: Mapping[str, Any], differences: list[str]) -> None:
        self.figures += leaves(want)
        self.differences += differences


def judged(verdict: str, *, effect: float, margin: float) -> Judged:
    """Whether a verdict is true of the effect that was put in.

    `within_margin` says that the harm is smaller than the margin and `worse_than_margin` that it is larger: a harm
    of exactly the margin makes both wrong.
    """
    if verdict == "within_margin":
        return "right" if effect > -margin else "wrong"
    if verdict == "worse_than_margin":
        return "right" if effect < -margin else "wrong"
    return "cannot tell yet"


async def conclude(client: Client, officer: Who, world: World, tally: Tally, as_of: datetime) -> Found:
    """The verdict as of an instant after the trial, and every OPD's figures of every date compared with ours."""
    path = f"/reporting/v1/pilots/{world.design.pilot_id}/verdict"
    at = {"as_of": as_of.isoformat()}
    found = Found((await client.call(officer, "GET", path, params=at)).body)
    await _compare_days(client, officer, tally, at, found)
    await _compare_output(client, officer, world, tally, found)
    compare_verdict(world, tally, found)
    return found


async def _compare_days(client: Client, officer: Who, tally: Tally, at: dict[str, str], found: Found) -> None:
    """By date and OPD: plans by mode, every duty by state with its rates, and the attainment of its counters."""
    some = asyncio.Semaphore(AT_ONCE)

    async def one(on: date) -> None:
        async with some:
            items = await client.items(officer, "/reporting/v1/opds", {"date": on.isoformat(), **at})
        want = {code: cell.shown() for code, cell in tally.cells[on].items()}
        got = {item["opd_code"]: item for item in items if item["employees"] or item["opd_code"] in want}
        found.look(want, compare_all(want, got, f"{on}"))

    await asyncio.gather(*(one(on) for on in tally.cells))


async def _compare_output(client: Client, officer: Who, world: World, tally: Tally, found: Found) -> None:
    """What each OPD produced in both periods."""
    for span in (world.design.baseline, world.design.trial):
        asked = {"from": span.first.isoformat(), "to": span.last.isoformat(), "as_of": found.verdict["as_of"]}
        items = await client.items(officer, "/reporting/v1/output", asked)
        want = {code: tally.output(code, span) for code in (*world.treated, *world.control)}
        found.look(want, compare_all(want, {item["key"]: item for item in items}, f"output from {span.first}"))


def compare_verdict(world: World, tally: Tally, found: Found) -> None:
    """Each OPD's metric in both periods, its weight, and what the arms come to."""
    design = world.design
    want: dict[str, Any] = {"estimate": tally.estimate(), "margin": design.margin, "metric": design.metric}
    found.look(want, compare(want, found.verdict, "verdict"))
    opds: dict[str, dict[str, Any]] = {}
    for arm, codes in (("treated", world.treated), ("control", world.control)):
        for code in codes:
            opds[code] = {"arm": arm, "weight": tally.weight(code)}
            for name, span in (("baseline", design.baseline), ("trial", design.trial)):
                opds[code][name] = tally.metric(code, span).value
    shown = {item["opd_code"]: item for item in found.verdict["opds"]}
    found.look(opds, compare_all(opds, shown, "verdict"))


def show(world: World, found: Found, *, http: str, protocol: str) -> None:
    """The outcome, on standard output: the verdict, the truth, and where to look."""
    design, verdict = world.design, found.verdict
    answer = judged(verdict["verdict"], effect=design.effect, margin=design.margin)
    table = Table(title=f"The pilot {design.pilot_id}", show_header=False, min_width=60)
    table.add_row("metric, counted by", f"{design.metric}, {design.count_by}")
    table.add_row("true effect, margin", f"{design.effect:+.4f}, {design.margin:.4f}")
    table.add_row("estimate", _number(verdict["estimate"]))
    table.add_row("95 % interval", f"{_number(verdict['lower'])} to {_number(verdict['upper'])}")
    table.add_row("p within, p worse", f"{verdict['p_within']}, {verdict['p_worse']}")
    table.add_row("verdict", f"{verdict['verdict']} ({', '.join(verdict['because'])})")
    table.add_row("which is", answer)
    table.add_row("protocol (SHA-256)", protocol)
    table.add_row("facts (digest)", str(verdict["facts_digest"]))
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 110)
    console.print(table)
    for line in found.differences[:MOST_LINES]:
        say(f"differs: {line}")
    if len(found.differences) > MOST_LINES:
        say(f"... {len(found.differences):,} differences in all")
    console.print(
        f"Figures: {len(found.differences):,} of {found.figures:,} differ from the demonstration's count"
    )
    console.print(f"The pilot's page: {http}/reporting/pilots/{design.pilot_id}")
    say("a link that signs a browser in: hadir link --role council")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"
