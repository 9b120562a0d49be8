"""A whole system of a build, as its `hadir up` starts it, and a city in it: driven from outside."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import asyncpg
import psutil

from bench import load
from bench.builds import Build
from bench.harness import console
from demo.city import City, build
from demo.client import Client, Who
from demo.expect import Plan
from demo.ledger import Ledger
from demo.script import officers
from demo.setup import prepare, read_plans, until_the_board_knows
from demo.topics import all_read
from demo.watch import Watcher
from deploy.local.state import State
from shared.auth import load_private_key
from shared.clock import write_anchor
from shared.dates import WIB

STAFF = 24_000
DAY = date(2025, 11, 6)
EVE = datetime(2025, 11, 5, 20, 0, tzinfo=WIB)
MORNING = datetime(2025, 11, 6, 6, 45, tzinfo=WIB)
NOON = datetime(2025, 11, 6, 12, 0, tzinfo=WIB)
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Up:
    """A system that runs: addresses, the process that `hadir up` is, and a client with its keys."""

    http: str
    kafka: str
    postgres: str
    pid: int
    client: Client


@asynccontextmanager
async def up(of: Build, folder: Path, at: datetime, *options: str) -> AsyncGenerator[Up, None]:
    """`hadir up --json` on a state directory, new or kept, at that business time; ends with the block."""
    process = await of.hadir(
        "up",
        "--json",
        *options,
        env={
            "HADIR_STATE_DIR": str(folder),
            "HADIR_CLOCK": f"{at:%Y-%m-%dT%H:%M:%S}+07:00@1",
            "HADIR_LOG_LEVEL": "WARNING",
        },
    )
    try:
        if (folder / "clock.json").exists():
            set_clock(folder, at)
        assert process.stdout is not None
        line = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S) or "{}")
        if not line:
            raise RuntimeError(f"{of.name}: hadir up did not start; see above")
        async with Client(line["http"], load_private_key(folder / "token-key.pem")) as client:
            yield Up(line["http"], line["kafka"], line["postgres"], process.pid, client)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def set_clock(folder: Path, at: datetime) -> None:
    """Let it be `at` for every process of the system, from now on at the speed of the wall."""
    write_anchor(folder / "clock.json", business=at, wall=time.time(), speed=1)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A city with plans for DAY in a state directory; no system runs on it."""

    of: Build
    folder: Path
    city: City
    plans: list[Plan]

    @property
    def officer(self) -> Who:
        return Who("bkpsdm", officers(self.city)[0])

    def working(self) -> list[uuid.UUID]:
        """Who has hours on DAY."""
        return [plan.employee_id for plan in self.plans if plan.starts_at is not None]

    def check_in(self, client: Client, person: uuid.UUID, at: datetime, kind: str = "in") -> bytes:
        """The request of one person's app, standing at their unit."""
        spot = self.city.units[self.city.employees[person].unit_id].place
        body = {
            "punch_id": str(uuid.uuid4()),
            "kind": kind,
            "device_at": at.isoformat(),
            "position": {"lat": spot.lat, "lon": spot.lon, "accuracy_m": 8.0},
        }
        return load.request(
            "/attendance/v1/punches", json.dumps(body).encode(), client.token(Who("staff", person))
        )


async def prepared_city(of: Build, folder: Path) -> Prepared:
    """A city of STAFF, imported and planned through HTTP the evening before; the system is stopped again."""
    console.print(f"  {of.name}: a city of {STAFF:,}, imported and planned through HTTP")
    city = build(STAFF, 2025, DAY)
    officer, second = (Who("bkpsdm", one) for one in officers(city))
    ledger = Ledger()
    async with up(of, folder, EVE) as here:
        await prepare(here.client, (officer, second), city, DAY, lambda text: console.print(f"  {text}"))
        await read_plans(here.client, officer, ledger, DAY)
        plans = [day.plan for day in ledger.plans(DAY)]
        await until_the_board_knows(here.client, officer, DAY, len(plans))
        await all_read(here.kafka, within_s=PATIENCE_S)
    return Prepared(of, folder, city, plans)


@asynccontextmanager
async def waiting_steps(world: Prepared, postgres: str) -> AsyncGenerator[list[int], None]:
    """How many person-days wait for their steps, ten times a second; nothing of a build that has no steps.

    Over the rate at which they come, that is how far the steps are behind (Little's law).
    """
    connection: asyncpg.Connection = await asyncpg.connect(State(world.folder).database_url("reporting", postgres))
    known = await connection.fetchval(
        "select count(*) from information_schema.columns"
        " where table_name = 'touched' and column_name = 'employee_id'"
    )
    counts: list[int] = []

    async def watch() -> None:
        while True:
            counts.append(await connection.fetchval("select count(*) from touched where employee_id is not null"))
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch()) if known else None
    try:
        yield counts
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await connection.close()


def cpu_us(pid: int) -> dict[str, float]:
    """CPU time that the parts of a system have taken so far, in microseconds: services, kafka, postgres.

    What ended meanwhile counts with whoever has waited for it.
    """
    root = psutil.Process(pid)
    spent: dict[str, float] = {"services": 0.0, "kafka": 0.0, "postgres": 0.0}
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            name, times = process.name(), process.cpu_times()
            part = "kafka" if name == "java" else "postgres" if name == "postgres" else "services"
            reaped = times.children_user + times.children_system if part == "postgres" else 0.0
            spent[part] += (times.user + times.system + reaped) * 1e6
    return spent


async def until_at_rest(pid: int) -> None:
    """Returns when a system takes less than a fifth of a core over a second, or in half a minute.

    What its start and the set-up have left to be done is no part of what is measured: a night's announcements,
    steps of the dates to come, vacuums of what was imported.
    """
    for _ in range(30):
        before = sum(cpu_us(pid).values())
        await asyncio.sleep(1)
        if sum(cpu_us(pid).values()) - before < 0.2e6:
            return


async def until_counted(watcher: Watcher, check_ins: int) -> None:
    """Returns when the board that is watched counts so many people; raises RuntimeError after a minute."""
    deadline = time.monotonic() + 60
    while not watcher.updates or watcher.updates[-1].checked_in < check_ins:
        if time.monotonic() > deadline:
            seen = watcher.updates[-1].checked_in if watcher.updates else 0
            raise RuntimeError(f"{check_ins} check-ins, but the board counts {seen}")
        await asyncio.sleep(0.05)
