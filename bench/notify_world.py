"""A change of everyone's plan, told by the notifications service's own handler of batches.

Run by any build's interpreter, so it asks for nothing but what every build has: the events and the declared
handler of batches. Arguments: the URL of an empty migrated database and of the server's administrator. Prints the
seconds, and the CPU time (us) of Python and of PostgreSQL's backends, that it took.

Two changes are told: one day of each of 24,000 people, and, a day later, five days of each of them in one roster.
What is decoded is counted: each record is read from bytes as the consumer reads it.
"""

import asyncio
import datetime as dt
import importlib
import json
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from shared import garbage
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.database import Database
from shared.events import EmployeeChanged, Event, ScheduleChanged, encode, source_of
from shared.events.envelope import decode
from shared.settings import Settings
from shared.telemetry import Metrics

STAFF, UNITS, OPDS = 24_000, 600, 44
BATCH = 2_000
WIB = dt.timezone(dt.timedelta(hours=7))
NOW = dt.datetime(2025, 11, 5, 20, 0, tzinfo=WIB)
AHEAD = dt.date(2025, 11, 10)
DAYS = 5

Record = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]


def record(event: Event, number: int, when: dt.datetime) -> Record:
    """An event as its owner's bytes."""
    message = encode(event, id=UUID(int=number + 1), time=when, source=source_of(event.owner))
    return message.topic, message.key, message.value, message.headers


def directory() -> list[Event]:
    people: list[Event] = []
    for person in range(STAFF):
        body: dict[str, Any] = {
            "employee_id": str(UUID(int=person + 1)),
            "revision": 1,
            "remote_places": [],
            "heads": [],
            "nip": f"{person:018}",
            "name": f"Pegawai {person}",
            "opd_code": f"OPD{person % UNITS % OPDS:02}",
            "unit_id": f"U{person % UNITS:03}",
            "supervisor_id": str(UUID(int=person % UNITS + 1)),
            "employment": "PNS",
            "email": f"pegawai{person}@example.go.id",
            "phone": None,
            "active": True,
        }
        people.append(EmployeeChanged.model_validate_json(json.dumps(body)))
    return people


def plans(dates: Sequence[dt.date], starts: dt.time, revision: int) -> list[Event]:
    """A plan of everyone for each date, in the order in which a roster publishes them: person by person."""
    made: list[Event] = []
    for person in range(STAFF):
        for date in dates:
            start = dt.datetime.combine(date, starts, WIB)
            body = {
                "employee_id": str(UUID(int=person + 1)),
                "revision": revision,
                "opd_code": f"OPD{person % UNITS % OPDS:02}",
                "unit_id": f"U{person % UNITS:03}",
                "work_date": date.isoformat(),
                "mode": "WFO",
                "starts_at": start.isoformat(),
                "ends_at": (start + dt.timedelta(hours=8, minutes=30)).isoformat(),
            }
            made.append(ScheduleChanged.model_validate_json(json.dumps(body)))
    return made


def ran_ns(pid: int) -> int:
    """CPU time of a process; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except FileNotFoundError:
        return 0


class Meter:
    """The seconds, and the CPU time of this process and of the backends of its database, of a block."""

    def __init__(self, admin: asyncpg.Connection, database: str) -> None:
        self._admin, self._database = admin, database
        self.elapsed_s = self.cpu_us = 0.0

    async def _backends(self) -> dict[int, int]:
        rows = await self._admin.fetch("select pid from pg_stat_activity where datname = $1", self._database)
        return {pid: ran_ns(pid) for (pid,) in rows}

    @asynccontextmanager
    async def measured(self) -> AsyncGenerator[None, None]:
        before = await self._backends()
        started, cpu = time.perf_counter(), time.process_time_ns()
        yield
        self.elapsed_s = time.perf_counter() - started
        here = time.process_time_ns() - cpu
        after = await self._backends()
        there = sum(ns - before.get(pid, 0) for pid, ns in after.items())
        self.cpu_us = (here + there) / 1000


async def run(url: str, admin_url: str) -> dict[str, float]:
    garbage.tune()
    (declared,) = importlib.import_module("services.notifications.handlers").router.declarations
    settings = Settings.model_construct(service="notifications", database_url=url)
    db, clock = Database(url), FixedClock(NOW)
    context = HandlerContext(settings, db, clock, Metrics("notifications"))
    admin: asyncpg.Connection = await asyncpg.connect(admin_url)
    meter = Meter(admin, url.rpartition("/")[2])
    number = 0

    async def told(events: Sequence[Event], when: dt.datetime) -> None:
        nonlocal number
        records = [record(event, number + place, when) for place, event in enumerate(events)]
        number += len(records)
        async with meter.measured():
            for begin in range(0, len(records), BATCH):
                batch = [
                    decode(topic, key, value, headers)
                    for topic, key, value, headers in records[begin : begin + BATCH]
                ]
                await declared.handler(batch, context)

    async def inboxes() -> tuple[int, int]:
        async with db.read() as tx:
            return (
                await tx.connection.fetchval("select count(*) from message"),
                await tx.connection.fetchval("select count(distinct employee_id) from message"),
            )

    dates = [AHEAD + dt.timedelta(days=day) for day in range(DAYS)]
    await told(directory(), NOW)
    await told(plans(dates, dt.time(7, 30), 1), NOW)  # so far ahead a first plan is silent
    if (await inboxes())[0]:
        raise RuntimeError("a first plan was told: what is measured is a change")

    await told(plans(dates[:1], dt.time(8), 2), NOW)
    messages, people = await inboxes()
    if people != STAFF:
        raise RuntimeError(f"{people} people were told of {STAFF}")
    figures = {"notify_cpu_us": meter.cpu_us / messages, "notify_told_s": meter.elapsed_s}

    clock.advance(dt.timedelta(days=1))
    await told(plans(dates, dt.time(9), 3), NOW + dt.timedelta(days=1))
    more = (await inboxes())[0] - messages
    figures |= {
        "notify_roster_s": meter.elapsed_s,
        "notify_roster_cpu_us": meter.cpu_us / (STAFF * DAYS),
        "notify_roster_messages": float(more),
    }
    await admin.close()
    await db.close()
    return figures


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(*sys.argv[1:]))))
