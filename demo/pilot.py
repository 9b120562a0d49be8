"""`hadir demo --pilot`: weeks before a trial and the trial itself, with a true effect that the user gives.

Nobody plays these weeks: what would have been recorded is written to the log at full speed, and the verdict of the
system is held against the truth, and its figures against the demonstration's own count.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time as wall
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from demo import records, settled
from demo.city import City, build
from demo.client import Client, Who
from demo.pace import Pace
from demo.place import (
    EQUAL,
    UNLIKE,
    Addresses,
    Place,
    add_city_options,
)
from demo.script import officers
from demo.setup import RULES, import_city, offer_tasks
from demo.summary import say
from demo.tally import Tally
from demo.trial import AVAILABLE_MINUTES, METRICS, MOST_EFFECT, WIB, Design, World
from demo.verdict import conclude, show
from demo.writer import Writer, writing
from shared.auth import load_private_key

NOTE = "pilot.json"
FIRST = date(2025, 10, 7)
"""Eight weeks before 2 December 2025, when West Java's stage II began."""
EVE = time(20, 0)
WEEKS, MOST_WEEKS = 8, 26
MARGIN = 0.02
AFTERWARDS = timedelta(days=37)
"""So long after the trial the figures are read: every review is due, and nothing of it is news to anybody."""
LAST_DAYS = 4
"""The last dates before the trial are written with it: on its eve some of their reviews are still to come."""
SOON = timedelta(days=7)

AFTER_CTRL_C = "the same command goes on where it stood"


@dataclass
class Note:
    """What is kept of a pilot between two runs."""

    design: Design
    written: date | None = None
    """All dates up to this one are in the log."""


_NOTE = TypeAdapter(Note)


@dataclass
class Run:
    """What one run is made of."""

    system: Addresses
    place: Place
    note: Note
    world: World

    @property
    def design(self) -> Design:
        return self.note.design

    @property
    def city(self) -> City:
        return self.world.city

    @property
    def officer(self) -> Who:
        return Who("bkpsdm", officers(self.city)[0])

    def wrote(self, on: date) -> None:
        self.note.written = on
        self.place.keep(self.place.folder / NOTE, _NOTE.dump_json(self.note).decode())


def options_of(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hadir demo --pilot",
        description="Write the weeks before a trial and the trial into the running system, with a true effect of "
        "your choice, and hold the system's verdict against it.",
    )
    parser.add_argument("--pilot", action="store_true", help=argparse.SUPPRESS)
    add_city_options(parser)
    parser.add_argument(
        "--effect",
        type=_effect,
        default=0.0,
        help="how much the trial truly changes the metric of those who take part, below 0 for the worse: "
        f"from -{MOST_EFFECT} to {MOST_EFFECT} (default 0)",
    )
    parser.add_argument(
        "--margin", type=_margin, default=MARGIN, help=f"how much harm is acceptable (default {MARGIN})"
    )
    parser.add_argument("--metric", choices=METRICS, default=METRICS[0], help=f"default {METRICS[0]}")
    parser.add_argument(
        "--count-by",
        choices=("opd", "people"),
        default="opd",
        help="each OPD one vote (default), or by its people",
    )
    parser.add_argument(
        "--weeks", type=_weeks, default=WEEKS, help=f"before the trial, and as many of it (default {WEEKS})"
    )
    return parser.parse_args(given)


def _effect(text: str) -> float:
    return _number(text, -MOST_EFFECT, MOST_EFFECT)


def _margin(text: str) -> float:
    if (margin := _number(text, 0, 1)) == 0:
        raise argparse.ArgumentTypeError("a margin of 0 can never be told from none: give one above 0")
    return margin


def _weeks(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 2 <= int(text) <= MOST_WEEKS:
        raise argparse.ArgumentTypeError(f"{text} is not between 2 and {MOST_WEEKS}")
    return int(text)


def _number(text: str, least: float, most: float) -> float:
    number = float(text) if re.fullmatch(r"[+-]?[0-9]{0,3}\.?[0-9]{1,9}", text) else most + 1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
    return number


def play(options: argparse.Namespace, place: Place) -> int:
    """Write the pilot. Returns 0 when the system's figures equal what was written, whatever its verdict, and 1
    when they differ. Raises CannotStart and Refused. Interrupted and started again it goes on."""
    note = choose(place, options)
    system = place.addresses()
    place.remember(note.design.staff, note.design.seed)
    city = build(note.design.staff, note.design.seed, note.design.first)
    # Absences are drawn with everything else.
    city = replace(city, leave=[], duty_travel=[])
    return asyncio.run(_run(Run(system, place, note, World(city, note.design))))


def choose(place: Place, options: argparse.Namespace) -> Note:
    """The pilot that is under way or done here, if it is the one that is asked for; else a new one, after whatever
    has been here. Raises CannotStart where it does not fit what is here."""
    staff, seed = place.city_of(options.staff, options.seed)
    known = read_note(place.folder / NOTE)

    def design(first: date) -> Design:
        return Design(
            effect=options.effect,
            metric=options.metric,
            margin=options.margin,
            count_by=options.count_by,
            weeks=options.weeks,
            first=first,
            staff=staff,
            seed=seed,
        )

    if known is not None and design(known.design.first) == known.design:
        return known
    now = place.time_here()
    if now is None or now <= _eve(FIRST):
        return Note(design(FIRST))
    first = now.astimezone(WIB).date() + SOON
    return Note(design(first + timedelta(days=(FIRST.weekday() - first.weekday()) % 7)))


def read_note(path: Path) -> Note | None:
    """What is kept of the last pilot; None where there was none."""
    with suppress(FileNotFoundError, NotADirectoryError, ValidationError):
        return _NOTE.validate_json(path.read_bytes())
    return None


def _eve(day: date) -> datetime:
    return datetime.combine(day - timedelta(days=1), EVE, WIB)


async def _run(run: Run) -> int:
    began = wall.monotonic()
    design, world = run.design, run.world
    as_of = datetime.combine(design.trial.last, time.min, WIB) + AFTERWARDS
    say(
        f"{len(run.city.employees):,} people, {len(world.treated)} OPD treated and {len(world.control)} not; "
        f"{design.weeks} weeks from {design.baseline.first} and the trial from {design.trial.first} "
        f"to {design.trial.last}; the true effect on {design.metric} is {design.effect:+.3f}"
    )
    tally = Tally(world, as_of)
    dates = list(design.dates())
    before = [on for on in dates if on < design.trial.first - timedelta(days=LAST_DAYS)]
    async with (
        Client(run.system.http, load_private_key(run.place.private_key)) as client,
        writing(run.system.kafka) as writer,
    ):
        if run.note.written is None:
            await _prepare(run, client)
        # What is over when it is first seen is history, and announced to nobody.
        _set_clock(run.place, _eve(design.trial.first))
        await _write(run, writer, tally, before)
        protocol = await _register(run, client)
        if run.note.written is None or run.note.written < design.trial.first:
            await settled.when_read(run.system.kafka)
            await _preview(run, client)
        _set_clock(run.place, as_of)
        await _write(run, writer, tally, dates[len(before) :])
        written = wall.monotonic()
        say(f"wrote {writer.records:,} records in {written - began:.0f} s")
        await settled.when_read(run.system.kafka)
        await settled.when_computed(client, run.officer)
        say(f"read and computed by reporting {wall.monotonic() - written:.0f} s later")
        found = await conclude(client, run.officer, world, tally, as_of)
    show(world, found, http=run.system.http, protocol=protocol)
    say(f"{wall.monotonic() - began:.0f} s in all")
    return UNLIKE if found.differences else EQUAL


def _set_clock(place: Place, to: datetime) -> None:
    """Have the system's business time go on from `to`; never back."""
    now = place.time_here()
    if now is None or now < to or not place.anchor.exists():
        Pace(place.anchor, start=max(to, now or to))


async def _prepare(run: Run, client: Client) -> None:
    """The directory, rules and policies through their doors, on the eve of the first day."""
    design, world = run.design, run.world
    _set_clock(run.place, _eve(design.first))
    await import_city(client, run.officer, run.city, say)
    rules = {
        "rules_version": f"demo-{design.first}",
        "effective_from": design.first.isoformat(),
        **RULES,
        "report_modes": sorted(world.rules.report_modes),
    }
    await client.call(run.officer, "POST", "/scheduling/v1/rules", json=rules)
    for policy in _policies(world):
        await client.call(run.officer, "POST", "/scheduling/v1/policies", json=policy)
    await offer_tasks(client, run.officer, say)


def _policies(world: World) -> list[dict[str, Any]]:
    """What the plans follow: West Java's two stages, the second for the OPD that take part."""
    design = world.design
    limits = {"never_direct_service": True, "keep_min_staff": True}
    return [
        {
            "policy_id": "jabar-tahap-1",
            "effective_from": design.first.isoformat(),
            "effective_to": design.trial.last.isoformat(),
            "scope": {"all": True},
            "kind": "weekday",
            "parameters": {"weekdays": [3]},
            "limits": limits,
        },
        {
            "policy_id": "jabar-tahap-2",
            "effective_from": design.trial.first.isoformat(),
            "effective_to": design.trial.last.isoformat(),
            "scope": {"opd_codes": list(world.treated)},
            "kind": "rotation",
            "parameters": {"share": 0.5, "turn": "daily"},
            "limits": limits,
        },
    ]


def protocol_of(world: World) -> dict[str, Any]:
    """What is registered before the trial begins."""
    design = world.design
    return {
        "pilot_id": design.pilot_id,
        "title": f"Peragaan: bergilir kerja dari rumah, {design.trial.first}",
        "question": "Apakah kerja dari rumah secara bergilir tidak menurunkan angka ini melebihi batas?",
        "metric": design.metric,
        "better": "higher",
        "margin": design.margin,
        "count_by": design.count_by,
        "treated": list(world.treated),
        "control": list(world.control),
        "baseline": {"from": design.baseline.first.isoformat(), "to": design.baseline.last.isoformat()},
        "trial": {"from": design.trial.first.isoformat(), "to": design.trial.last.isoformat()},
        "available_minutes": AVAILABLE_MINUTES,
        "seed": design.seed,
    }


async def _register(run: Run, client: Client) -> str:
    """Register the protocol on the eve of the trial; once more it changes nothing. Returns its hash."""
    answer = await client.call(run.officer, "POST", "/reporting/v1/pilots", json=protocol_of(run.world))
    sha256 = answer.body["protocol_sha256"]
    say(f"the protocol {run.design.pilot_id} is registered: SHA-256 {sha256}")
    return sha256


async def _preview(run: Run, client: Client) -> None:
    """What the system says beforehand of how much this pilot could tell."""
    path = f"/reporting/v1/pilots/{run.design.pilot_id}/power"
    power = (await client.call(run.officer, "GET", path)).body
    if power["chance"] is None:
        say(f"power: no verdict can be told ({', '.join(power['never']) or 'too little is known'})")
        return
    least = "none" if power["margin_80"] is None else f"{power['margin_80']:.4f}"
    say(
        f"power: without any effect it would say within_margin in {power['chance']:.0%} of such pilots; "
        f"the least margin that is told in 80 %: {least}"
    )


async def _write(run: Run, writer: Writer, tally: Tally, dates: list[date]) -> None:
    """Count every date, and write those that are not in the log yet."""
    published = {"stage-1": _eve(run.design.first), "stage-2": _eve(run.design.trial.first)}
    for on in dates:
        people = list(run.world.person_days(on))
        tally.add(on, people)
        if run.note.written is not None and on <= run.note.written:
            continue
        if (outage := run.world.outages.get(on)) is not None:
            await writer.write([records.outage(outage)])
        await writer.write(chain.from_iterable(map(records.facts, people)))
        # Plans come last: a day is judged once, when all of it is there.
        await writer.write(records.plan(one, published[one.policy]) for one in people)
        run.wrote(on)
        if on.weekday() == 6:
            say(f"written to {on}: {writer.records:,} records")
