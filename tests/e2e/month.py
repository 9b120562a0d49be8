"""`make month`: working days of the demonstration one after the other, then a look at every record.

`DAYS=5 STAFF=2000` for fewer days, or more people. Minutes a day, so the suite plays one (test_played_day.py), and
what is broken off goes on with the day after the one that had begun: `.month` keeps it until all was looked at.
"""

import asyncio
import datetime as dt
import os
import shutil
from pathlib import Path

from demo.city import TODAY, build
from demo.day import FRIDAY
from demo.setup import rules_of_judgement
from deploy.local.state import State
from shared.events import TOPICS
from tests.e2e.test_working_day import play
from tests.integration.test_local_system import up
from tests.kit.personal_data import directory, of_audience, told_in
from tests.kit.personal_matters import WRITTEN, asked, decided, who_may_ask

DAYS = int(os.environ.get("HADIR_MONTH_DAYS") or 20)
"""Working days of a month."""

STAFF = int(os.environ.get("HADIR_MONTH_STAFF") or 1800)

KEPT = Path(".month")
BEGUN = KEPT / "begun"
"""The days that have begun, a line each."""
DECIDED = KEPT / "decided"
"""Is there when officers have done what they do once."""

DAY_S = 1800
"""Seconds that a day may take, on a machine that does much else."""


def working_days() -> list[dt.date]:
    """So many from the demonstration's first one on; never two in a row, for the eve has to be still to come."""
    holidays = rules_of_judgement().holidays
    found = [TODAY]
    while len(found) < DAYS:
        date = found[-1] + dt.timedelta(2)
        while date.weekday() > FRIDAY or date in holidays:
            date += dt.timedelta(1)
        found.append(date)
    return found


def test_no_record_of_a_played_month_tells_more_of_a_person_than_its_readers_may_know() -> None:
    days = working_days()
    city = build(STAFF)
    askers = who_may_ask(city, days)
    assert len(askers) >= DAYS, "of so few people all stand at counters: nobody could ask for a day off"
    state = State(KEPT.absolute() / "state")
    state.create()
    begun = BEGUN.read_text().split() if BEGUN.exists() else []
    with up(state) as system:
        client = {"bootstrap_servers": system.kafka}
        for day, one in zip(days, askers, strict=False):
            if str(day) in begun:
                continue
            with BEGUN.open("a") as lines:
                lines.write(f"{day}\n")
            played = play(state, "--staff", str(STAFF), "--date", str(day), patience_s=DAY_S)
            assert played.returncode == 0, played.stderr[-6000:]
            if not DECIDED.exists():
                decided(system.http, state.private_key, city, day)
                DECIDED.touch()
            asked(system.http, state.private_key, one, day)
            print(f"{day}: played")  # noqa: T201 - somebody waits for an hour
        people = asyncio.run(directory(client))
        people.written |= WRITTEN
        assert len(people.ids) == STAFF
        counts, told = asyncio.run(told_in(client, of_audience("public", "internal", "restricted"), people))
        print(*(f"{topic}: {records}" for topic, records in sorted(counts.items()) if records), sep="\n")  # noqa: T201
        assert told == {}
        public = {topic for topic in of_audience("public") if topic in TOPICS}
        assert {topic for topic in public if not counts[topic]} == set()
    assert state.erase() == []
    shutil.rmtree(KEPT)
