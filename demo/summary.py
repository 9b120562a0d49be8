"""What the terminal shows: a line while the day runs, and the table of the day at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime

from rich.console import Console
from rich.table import Table

from demo.board import Expected
from demo.client import Client
from demo.expect import DUTIES, STATES, WIB
from demo.ledger import Ledger
from demo.pace import Pace
from demo.watch import quantile

WIDTH = 30


def say(line: str) -> None:
    """A line of progress, on standard error: standard output belongs to the result."""
    sys.stderr.write(f"demo: {line}\n")
    sys.stderr.flush()


class Progress:
    """One line that is written over on a terminal; elsewhere a line for every business hour."""

    def __init__(self, client: Client, ledger: Ledger, pace: Pace, *, start: datetime, end: datetime) -> None:
        self._client, self._ledger, self._pace = client, ledger, pace
        self._start, self._end = start, end
        self._terminal = sys.stderr.isatty()
        self._shown = 0.0
        self._began = time.monotonic()
        self._hour: str = ""

    def show(self, now: datetime) -> None:
        hour = now.astimezone(WIB).strftime("%d %H")
        if self._terminal:
            if time.monotonic() - self._shown < 0.2:
                return
        elif hour == self._hour:
            return
        self._shown, self._hour = time.monotonic(), hour
        share = min(1.0, (now - self._start) / (self._end - self._start))
        bar = "#" * int(share * WIDTH)
        counts = self._ledger.counts
        line = (
            f"[{bar:.<{WIDTH}}] {now.astimezone(WIB):%a %H:%M:%S} x{self._pace.speed:<5.0f}"
            f" {time.monotonic() - self._began:.0f} s"
            f" in {counts['check-in']:,} out {counts['check-out']:,} reports {counts['reports']:,}"
            f" reviews {counts['reviews accepted'] + counts['reviews returned']:,}"
            f" p95 {1000 * self._client.traffic.slowest(0.95):.0f} ms"
        )
        sys.stderr.write(f"\r{line}\x1b[K" if self._terminal else f"demo: {line}\n")
        sys.stderr.flush()

    def end(self) -> None:
        if self._terminal:
            sys.stderr.write("\n")


def _percent(value: float | int | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{1000 * value:.0f} ms"


def table(
    ledger: Ledger, last: Expected, *, published: dict[str, int], delays: list[float], facts: dict[str, str]
) -> None:
    """The end of the day, on standard output: `last` are the views at midnight, `delays` in seconds."""
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 110)
    console.print(_receipts(ledger))
    console.print(_duties(last))
    for line in _coverage(last):
        console.print(line)
    topics = Table(title="Events of this run by topic", show_header=False, min_width=60)
    for topic, records in published.items():
        topics.add_row(topic, f"{records:,}")
    console.print(topics)
    p50, p99 = (_milliseconds(quantile(delays, share)) for share in (0.5, 0.99))
    console.print(f"Check-in to board: p50 {p50}, p99 {p99} over {len(delays):,} check-ins")
    for label, value in facts.items():
        console.print(f"{label}: {value}")


def _receipts(ledger: Ledger) -> Table:
    counts = ledger.counts

    def numbers(*keys: str) -> str:
        return " / ".join(f"{counts[key]:,}" for key in keys)

    table = Table(title="The day, as the apps saw it", show_header=False, min_width=60)
    table.add_row("check-ins / check-outs", numbers("check-in", "check-out"))
    table.add_row("handed over after the outage", numbers("check-ins offline"))
    table.add_row("sent twice, one receipt", numbers("check-ins repeated"))
    table.add_row(
        "time by the server / by the phone's counter / by its clock",
        numbers("time server", "time verified", "time unverified"),
    )
    table.add_row("at the office / at a registered place", numbers("zone office", "zone remote"))
    table.add_row(
        "elsewhere / uncertain / no position", numbers("zone elsewhere", "zone uncertain", "zone unknown")
    )
    table.add_row("plans changed late, by two officers", numbers("plans changed late"))
    table.add_row("reports / of these empty", numbers("reports", "reports empty"))
    table.add_row("reports revised after a return", numbers("reports revised"))
    table.add_row("reviews: accepted / returned", numbers("reviews accepted", "reviews returned"))
    return table


def _duties(last: Expected) -> Table:
    table = Table(title=f"Duties of {last.city['employees']:,} people at midnight")
    table.add_column("duty")
    for column in (*STATES, "rate", "low", "high", "n"):
        table.add_column(column, justify="right")
    for duty in DUTIES:
        figures = last.city["duties"][duty]
        table.add_row(
            duty,
            *(f"{figures[s]:,}" for s in STATES),
            *(_percent(figures[k]) for k in ("rate", "low", "high")),
            f"{figures['n']:,}",
        )
    return table


def _coverage(last: Expected) -> Iterator[str]:
    """The whole, then the counters that were short for longest."""
    units = last.units.values()
    opened, short, unknown = (sum(u[f"{s}_seconds"] for u in units) / 3600 for s in ("open", "short", "unknown"))
    attainment = _percent(last.city["coverage"]["attainment"])
    yield (
        f"Coverage of {len(units)} service points: attainment {attainment} of {opened:,.0f} open hours"
        f" (short {short:,.1f} h, unknown {unknown:,.1f} h)"
    )
    fell_short = [u for u in units if u["spent_minutes"] > 0]
    for unit in sorted(fell_short, key=lambda u: -u["spent_minutes"])[:5]:
        yield (
            f"  {unit['unit_id']}: short for {unit['spent_minutes']:.0f} min,"
            f" budget {unit['budget_minutes']:.0f} min, fill {_percent(unit['fill'])}"
        )
