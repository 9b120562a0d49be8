"""A morning of 24,000 people, told to the reporting service's own fold and announced by its own `tick`.

Run by any build's interpreter, so it asks for nothing but what every build has: the events, the fold, `tick(db,
now)`; and, of a build that has it, the drain that computes what the fold touched. Arguments: the URL of an
empty migrated database and of the server's administrator. Prints the events announced, and the CPU time (us) of
Python and of PostgreSQL's backends in `tick` and in the drain.

Every 30 s from 06:45 to 08:15 the punches since then are folded in, and one tick follows. A real ticker ticks
every second or so: where a tick costs the same however little has changed, this is to its advantage.
"""

import asyncio
import datetime as dt
import importlib
import json
import random
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from shared.database import Database
from shared.events import AttendanceRecorded, CalendarChanged, Received, RulesChanged, ScheduleChanged, UnitChanged

STAFF, UNITS, OPDS = 24_000, 600, 44
DAY = dt.date(2025, 11, 6)
WIB = dt.timezone(dt.timedelta(hours=7))
STEP = dt.timedelta(seconds=30)
BATCH = 2_000
SOURCE = "/bench"


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(DAY.year, DAY.month, DAY.day, hour, minute, tzinfo=WIB)


def optional(module: str) -> Any:
    """A module of the build, None where it has none of that name."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        return None


def received(event: Any, number: int, when: dt.datetime) -> Received:
    return Received(event, UUID(int=number + 1), event.topic, SOURCE, when, event.key, None)


def before_the_day() -> list[Any]:
    """Rules, holidays, units and everyone's plan: 30 % at home, half of the units counters."""
    rules = {
        "rules_version": "r1",
        "effective_from": "2025-01-01",
        "tolerance_minutes": 0,
        "report_modes": ["WFH", "WFO"],
        "report_cutoff": "17:00",
        "review_sla_working_days": 3,
    }
    events: list[Any] = [
        RulesChanged.model_validate_json(json.dumps(rules)),
        CalendarChanged.model_validate_json(json.dumps({"year": DAY.year, "revision": 1, "holidays": []})),
    ]
    for unit in range(UNITS):
        opening = {
            "effective_from": "2025-01-01",
            "weekdays": [0, 1, 2, 3, 4],
            "opens": "07:30",
            "closes": "15:00",
            "min_staff": 10,
            "on_holidays": False,
        }
        body = {
            "unit_id": f"U{unit:03}",
            "revision": 1,
            "opd_code": f"{unit % OPDS:02}",
            "opd_name": f"OPD {unit % OPDS}",
            "name": f"Unit {unit}",
            "is_service_point": unit % 2 == 0,
            "places": [],
            "requirements": [opening] if unit % 2 == 0 else [],
        }
        events.append(UnitChanged.model_validate_json(json.dumps(body)))
    for person in range(STAFF):
        body = {
            "employee_id": str(UUID(int=person + 1)),
            "revision": 1,
            "opd_code": f"{person % UNITS % OPDS:02}",
            "unit_id": f"U{person % UNITS:03}",
            "work_date": DAY.isoformat(),
            "mode": "WFH" if person // UNITS % 10 < 3 else "WFO",
            "starts_at": at(7, 30).isoformat(),
            "ends_at": at(16).isoformat(),
        }
        events.append(ScheduleChanged.model_validate_json(json.dumps(body)))
    return events


def morning() -> list[tuple[dt.datetime, Any]]:
    """Who comes, in order: most in the half hour before 07:30, some late, three in a hundred not at all."""
    draw = random.Random(3)
    punches: list[tuple[dt.datetime, Any]] = []
    for person in range(STAFF):
        if draw.random() < 0.03:
            continue
        when = at(7, 15) + dt.timedelta(minutes=max(-29.0, min(55.0, draw.gauss(0, 9))))
        body = {
            "punch_id": str(UUID(int=draw.getrandbits(128), version=4)),
            "employee_id": str(UUID(int=person + 1)),
            "opd_code": f"{person % UNITS % OPDS:02}",
            "unit_id": f"U{person % UNITS:03}",
            "work_date": DAY.isoformat(),
            "kind": "in",
            "at": when.isoformat(),
            "received_at": when.isoformat(),
            "zone": "office" if person // UNITS % 10 >= 3 else "remote",
            "source": "app",
        }
        punches.append((when, AttendanceRecorded.model_validate_json(json.dumps(body))))
    return sorted(punches, key=lambda punch: punch[0])


def ran_ns(pid: int) -> int:
    """CPU time of a process; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except FileNotFoundError:
        return 0


@dataclass(slots=True)
class Spent:
    """CPU time, in microseconds."""

    python_us: float = 0.0
    postgres_us: float = 0.0


@dataclass(slots=True)
class Meter:
    """The CPU time of this process and of the backends of its database: /proc/<pid>/schedstat, in nanoseconds."""

    admin: asyncpg.Connection
    database: str

    async def _backends(self) -> dict[int, int]:
        rows = await self.admin.fetch("select pid from pg_stat_activity where datname = $1", self.database)
        return {pid: ran_ns(pid) for (pid,) in rows}

    @asynccontextmanager
    async def into(self, spent: Spent) -> AsyncGenerator[None, None]:
        before = await self._backends()
        started = time.process_time_ns()
        yield
        spent.python_us += (time.process_time_ns() - started) / 1000
        after = await self._backends()
        spent.postgres_us += sum(ns - before.get(pid, 0) for pid, ns in after.items()) / 1000


@dataclass(slots=True)
class Product:
    """The build's own functions."""

    fold: Callable[[Any, Sequence[Received]], Awaitable[None]]
    tick: Callable[[Database, dt.datetime], Awaitable[int]]
    drain: Callable[[Database, dt.datetime], Awaitable[object]] | None


def product() -> Product:
    commands = optional("services.reporting.commands.facts")
    ticking = optional("services.reporting.tasks.transitions") or optional("services.reporting.transitions")
    steps = optional("services.reporting.commands.steps")
    return Product(
        fold=(commands or importlib.import_module("services.reporting.facts")).apply,
        tick=ticking.tick,
        drain=None if steps is None else steps.drain,
    )


async def run(url: str, admin_url: str) -> dict[str, float]:
    this, db = product(), Database(url)
    admin: asyncpg.Connection = await asyncpg.connect(admin_url)
    meter = Meter(admin, url.rpartition("/")[2])
    number = 0

    async def fold(events: Sequence[Any], when: dt.datetime) -> None:
        nonlocal number
        for begin in range(0, len(events), BATCH):
            batch = [
                received(event, number + place, when) for place, event in enumerate(events[begin : begin + BATCH])
            ]
            number += len(batch)
            async with db.transaction() as tx:
                await this.fold(tx, batch)

    await fold(before_the_day(), at(6))
    if this.drain is not None:
        await this.drain(db, at(6))
    for minute in (30, 35):  # the first states are kept in silence
        await this.tick(db, at(6, minute))
    await admin.execute("select pg_stat_reset()")
    analyse: asyncpg.Connection = await asyncpg.connect(url)
    await analyse.execute("analyze")
    await analyse.close()

    ticking, draining, folding = Spent(), Spent(), Spent()
    coming, announced, now = morning(), 0, at(6, 45)
    while now <= at(8, 15):
        arrived = [event for when, event in coming if when <= now]
        coming = coming[len(arrived) :]
        async with meter.into(folding):
            await fold(arrived, now)
        if this.drain is not None:
            async with meter.into(draining):
                await this.drain(db, now)
        async with meter.into(ticking):
            announced += await this.tick(db, now)
        now += STEP
    await db.close()
    await admin.close()
    total = ticking.python_us + ticking.postgres_us
    drained = draining.python_us + draining.postgres_us
    folded = folding.python_us + folding.postgres_us
    return {
        "ticker_announced": announced,
        "ticker_cpu_us": total / announced,
        "ticker_python_cpu_us": ticking.python_us / announced,
        "ticker_postgres_cpu_us": ticking.postgres_us / announced,
        "ticker_with_drain_cpu_us": (total + drained) / announced,
        "ticker_with_fold_and_drain_cpu_us": (total + drained + folded) / announced,
    }


def main() -> None:
    url, admin_url = sys.argv[1:]
    print(json.dumps(asyncio.run(run(url, admin_url))))


if __name__ == "__main__":
    main()
