"""`hadir demo`: plays a working day into a running system and checks the board against the receipts."""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import time as wall
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from demo import summary, topics
from demo.board import MOST_LINES, Expected, differences, expected
from demo.city import TODAY, City, build
from demo.client import Client, Who
from demo.expect import WIB
from demo.ledger import Ledger
from demo.pace import Pace
from demo.place import (
    EQUAL,
    UNLIKE,
    Addresses,
    CannotStart,
    Place,
    add_city_options,
)
from demo.script import officers, script
from demo.setup import offer_tasks, prepare, read_plans, rules_of_judgement, until_the_board_knows
from demo.stage import Stage
from demo.summary import say
from demo.watch import Watcher, delays
from shared.auth import load_private_key

EVE = time(20, 0)
JUDGED_AT = (time(7, 30), time(9, 0), time(12, 0), time(16, 30))
SETTLE_S = 90.0
THURSDAY, FRIDAY = 3, 4
MOST_SPEED = 100_000.0
FIRST_DATE, LAST_DATE = date(2025, 10, 31), date(2099, 12, 31)
"""The made-up people have taken up their posts by the first of them."""

AFTER_CTRL_C = "the system runs on, its clock at real speed"


@dataclass
class Run:
    """What one run is made of."""

    system: Addresses
    place: Place
    city: City
    day: date
    seed: int
    most_speed: float | None

    @property
    def officer(self) -> Who:
        return Who("bkpsdm", officers(self.city)[0])

    @property
    def second(self) -> Who:
        return Who("bkpsdm", officers(self.city)[1])


def options_of(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hadir demo", description="Play a working day into the running system.")
    add_city_options(parser)
    parser.add_argument(
        "--pilot", action="store_true", help="eight weeks before a trial and the trial instead: see --pilot --help"
    )
    parser.add_argument(
        "--speed", type=_speed, help="most business seconds a second (default: as fast as it goes)"
    )
    parser.add_argument(
        "--date", type=_date, help=f"the day to play (default {TODAY}, a Thursday, then the next Thursday to come)"
    )
    return parser.parse_args(given)


def _speed(text: str) -> float:
    speed = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else 0.0
    if not 1 <= speed <= MOST_SPEED:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {MOST_SPEED:.0f}")
    return speed


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no date: write it as {TODAY}") from error
    if not FIRST_DATE <= day <= LAST_DATE:
        raise argparse.ArgumentTypeError(f"{text} is not between {FIRST_DATE} and {LAST_DATE}")
    if day.weekday() > FRIDAY or day in rules_of_judgement().holidays:
        raise argparse.ArgumentTypeError(f"{text} is no working day: choose one")
    return day


def play(options: argparse.Namespace, place: Place) -> int:
    """Play the day. Returns 0 when the board equals the receipts and 1 when it differs. Raises CannotStart and
    Refused."""
    day, staff, seed = choose(place, options)
    system = place.addresses()
    place.remember(staff, seed)
    return asyncio.run(_play(Run(system, place, build(staff, seed, day), day, seed, options.speed)))


def choose(place: Place, options: argparse.Namespace) -> tuple[date, int, int]:
    """The day, the number of people and the seed: as asked, else as they are here already, else the defaults.

    Raises CannotStart where they do not fit what is here.
    """
    # Where the time was set it only goes on.
    now = place.time_here() or _eve(options.date or TODAY)
    day: date = options.date or next_day(now)
    if _eve(day) < now - timedelta(minutes=30):
        raise CannotStart(
            f"the system's clock stands at {now.astimezone(WIB):%Y-%m-%d %H:%M} already: choose a later --date, "
            "or begin anew with `hadir erase`"
        )
    return day, *place.city_of(options.staff, options.seed)


def next_day(now: datetime) -> date:
    """6 November 2025, the first Thursday of stage I, or the next Thursday whose eve is still to come."""
    if now <= _eve(TODAY) + timedelta(minutes=30):
        return TODAY
    holidays = rules_of_judgement().holidays
    day = now.astimezone(WIB).date()
    while day.weekday() != THURSDAY or day in holidays or _eve(day) < now:
        day += timedelta(days=1)
    return day


def _eve(day: date) -> datetime:
    return datetime.combine(day - timedelta(days=1), EVE, WIB)


async def _play(run: Run) -> int:
    key = load_private_key(run.place.private_key)
    began = wall.monotonic()
    before = await topics.published(run.system.kafka)
    async with Client(run.system.http, key) as client:
        pace = Pace(run.place.anchor, start=_eve(run.day), most_speed=run.most_speed)
        try:
            ledger = await _set_up(run, client)
            prepared = wall.monotonic()
            watcher = Watcher(client, Who("bkpsdm"), run.day)
            await _run_the_day(run, client, pace, ledger, watcher)
        finally:
            pace.run_at(1.0)
        played = wall.monotonic()
        last, found = await _judge(run, client, ledger)
    after = await topics.published(run.system.kafka)
    took = delays(ledger.first_in.values(), watcher.updates, before=_first_end(ledger, run.day))
    summary.table(
        ledger,
        last,
        published={t: n - before[t] for t, n in after.items() if n - before[t]},
        delays=took,
        facts={
            "Wall time": f"{prepared - began:.0f} s to set up, {played - prepared:.0f} s for the day, "
            f"{wall.monotonic() - played:.0f} s to check; {wall.monotonic() - began:.0f} s in all",
            "HTTP calls": f"{client.traffic.calls:,}, {client.traffic.retries:,} of them tried again",
            "Fastest": f"{pace.fastest:,.0f} business seconds a second",
        },
    )
    return _conclude(ledger, found)


async def _set_up(run: Run, client: Client) -> Ledger:
    say(f"{len(run.city.employees):,} people in {len(run.city.units)} units, {run.day:%A %d %B %Y}")
    await prepare(client, (run.officer, run.second), run.city, run.day, say)
    await offer_tasks(client, run.officer, say)
    ledger = Ledger()
    began = wall.monotonic()
    await read_plans(client, run.officer, ledger, run.day)
    people = len(ledger.plans(run.day))
    say(f"read {len(ledger.days):,} published plans in {wall.monotonic() - began:.1f} s")
    await until_the_board_knows(client, run.officer, run.day, people)
    unread = await topics.all_read(run.system.kafka, within_s=SETTLE_S)
    if unread:
        raise CannotStart(f"{unread:,} records are still unread after {SETTLE_S:.0f} s: see the consumer lag")
    return ledger


async def _run_the_day(run: Run, client: Client, pace: Pace, ledger: Ledger, watcher: Watcher) -> None:
    midnight = datetime.combine(run.day + timedelta(days=1), time.min, WIB)
    end = midnight + timedelta(seconds=30)
    stage = Stage(client, run.city, ledger, pace, day=run.day, seed=run.seed)
    stage.add(script(run.city, [d.plan for d in ledger.days.values()], run.day, run.seed))
    say(f"{stage.left():,} steps are known; reviews will follow from the reports")
    progress = summary.Progress(client, ledger, pace, start=_eve(run.day), end=end)
    watching = asyncio.create_task(watcher.run())
    try:
        await stage.play(end, progress.show)
    finally:
        progress.end()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _judge(run: Run, client: Client, ledger: Ledger) -> tuple[Expected, list[str]]:
    unread = await topics.all_read(run.system.kafka, within_s=SETTLE_S)
    found = [f"{unread:,} records were still unread {SETTLE_S:.0f} s after the day"] if unread else []
    rules = rules_of_judgement()
    midnight = datetime.combine(run.day + timedelta(days=1), time.min, WIB)
    moments = [*(datetime.combine(run.day, at, WIB) for at in JUDGED_AT), midnight]
    want = expected(run.city, ledger, rules, run.day, midnight)
    for as_of in moments:
        want = expected(run.city, ledger, rules, run.day, as_of)
        found += await differences(client, run.officer, want, run.day, as_of)
    found += await _people_differ(run, client, want, midnight)
    return want, found


async def _people_differ(run: Run, client: Client, want: Expected, as_of: datetime) -> list[str]:
    """The pages of thirty people, read by themselves."""
    states: dict[UUID, dict[str, str]] = {k: v["duties"] for p in want.people.values() for k, v in p.items()}
    found: list[str] = []
    for who in random.Random(run.seed).sample(sorted(states), k=min(30, len(states))):
        path = f"/reporting/v1/people/{who}/days/{run.day}"
        shown = (await client.call(Who("staff", who), "GET", path, params={"as_of": as_of.isoformat()})).body[
            "duties"
        ]
        found += [
            f"{who} {duty}: expected {state}, their own page shows {shown[duty]['state']}"
            for duty, state in states[who].items()
            if shown[duty]["state"] != state
        ]
    return found


def _first_end(ledger: Ledger, day: date) -> datetime:
    return min(d.plan.ends_at for d in ledger.plans(day) if d.plan.ends_at is not None)


def _breadth(difference: str) -> int:
    """The widest first: a city that differs is seen before the hundred counters that make it so."""
    return {"city": 0, "OPD": 1, "unit": 3}.get(difference.partition(" ")[0], 2)


def _conclude(ledger: Ledger, found: list[str]) -> int:
    for problem in ledger.problems[:MOST_LINES]:
        say(f"problem: {problem}")
    for line in sorted(found, key=_breadth)[:MOST_LINES]:
        say(f"differs: {line}")
    for what, lines in (("problems", ledger.problems), ("differences", found)):
        if len(lines) > MOST_LINES:
            say(f"... {len(lines):,} {what} in all")
    if found or ledger.problems:
        return UNLIKE
    say("the board equals the receipts: city, every OPD, every person and every service point, at five moments")
    return EQUAL
