"""What the terminal shows: a line while the day runs, and the table of the day at its end."""

from __future__ import annotations

import sys
import time
from datetime import datetime

from rich.console import Console
from rich.table import Table

from deploy.demo.board import Expected
from deploy.demo.client import Client
from deploy.demo.expect import DUTIES, STATES, WIB
from deploy.demo.ledger import Ledger
from deploy.demo.pace import Pace

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
        self._hour = ""

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


def table(
    ledger: Ledger,
    last: Expected,
    *,
    published: dict[str, int],
    p50: float | None,
    p99: float | None,
    measured: int,
    facts: dict[str, str],
) -> None:
    """The end of the day, on standard output."""
    console = Console(file=sys.stdout, highlight=False, width=110 if not sys.stdout.isatty() else None)
    counts = ledger.counts
    day = Table(title="The day, as the apps saw it", show_header=False, min_width=60)
    for label, key in (
        ("check-ins", "check-in"),
        ("check-outs", "check-out"),
        ("of these handed over after an outage", "check-ins offline"),
        ("sent twice, one receipt", "check-ins repeated"),
        ("at the office / a registered place", ""),
        ("elsewhere / uncertain / no position", " "),
        ("reports", "reports"),
        ("of these empty", "reports empty"),
        ("revised after a return", "reports revised"),
        ("reviews accepted", "reviews accepted"),
        ("reviews returned", "reviews returned"),
    ):
        if key.strip():
            value = f"{counts[key]:,}"
        elif key == "":
            value = f"{counts['zone office']:,} / {counts['zone remote']:,}"
        else:
            value = f"{counts['zone elsewhere']:,} / {counts['zone uncertain']:,} / {counts['zone unknown']:,}"
        day.add_row(label, value)
    console.print(day)

    duties = Table(title=f"Duties of {last.city['employees']:,} people, as the board shows them at midnight")
    duties.add_column("duty")
    for column in (*STATES, "rate", "low", "high", "n"):
        duties.add_column(column, justify="right")
    for duty in DUTIES:
        figures = last.city["duties"][duty]
        duties.add_row(
            duty,
            *(f"{figures[s]:,}" for s in STATES),
            *(_percent(figures[k]) for k in ("rate", "low", "high")),
            f"{figures['n']:,}",
        )
    console.print(duties)

    hours = {
        s: sum(u[f"{s}_seconds"] for u in last.units.values()) / 3600 for s in ("open", "met", "unknown", "short")
    }
    worst = sorted(last.units.values(), key=lambda u: -u["spent_minutes"])[:5]
    console.print(
        f"Coverage of {len(last.units)} service points: attainment {_percent(last.city['coverage']['attainment'])}"
        f" of {hours['open']:,.0f} open hours (short {hours['short']:,.1f} h, unknown {hours['unknown']:,.1f} h)"
    )
    for unit in worst:
        console.print(
            f"  {unit['unit_id']}: short for {unit['spent_minutes']:.0f} min,"
            f" budget {unit['budget_minutes']:.0f} min, fill {_percent(unit['fill'])}"
        )

    topics = Table(title="Events of this run by topic", show_header=False, min_width=60)
    for topic, records in published.items():
        topics.add_row(topic, f"{records:,}")
    console.print(topics)

    def milliseconds(value: float | None) -> str:
        return "-" if value is None else f"{1000 * value:.0f} ms"

    console.print(
        f"Check-in to board: p50 {milliseconds(p50)}, p99 {milliseconds(p99)} over {measured:,} check-ins"
    )
    for label, value in facts.items():
        console.print(f"{label}: {value}")
