"""From a check-in's answer to the city board that counts it, at 500 check-ins a second in a city of 24,000.

The whole system runs on this machine as `hadir up` starts it; the load and the browser's stream run beside it.
"""

import asyncio
import json
import os
import statistics
import sys
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from bench import load
from bench.harness import ROOT, RUNS, Figures, console, folder_of_its_own
from demo.city import City, build
from demo.client import Client, Who
from demo.ledger import Ledger
from demo.script import officers
from demo.setup import prepare, read_plans, until_the_board_knows
from demo.topics import all_read
from demo.watch import Watcher, delays, quantile
from shared.auth import load_private_key
from shared.clock import write_anchor
from shared.dates import WIB

STAFF = 24_000
DAY = date(2025, 11, 6)
MORNING = datetime(2025, 11, 6, 6, 45, tzinfo=WIB)
NOON = datetime(2025, 11, 6, 12, 0, tzinfo=WIB)
RATE = 500.0
CHECK_INS = 4_000


@asynccontextmanager
async def system(folder: Path) -> AsyncGenerator[dict[str, str], None]:
    """`hadir up --json` on an empty state directory, the evening before; yields its line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from deploy.entry import main; main()",
        "up",
        "--json",
        cwd=ROOT,
        env={
            **os.environ,
            "HADIR_STATE_DIR": str(folder),
            "HADIR_CLOCK": "2025-11-05T20:00+07:00@1",
            "HADIR_LOG_LEVEL": "WARNING",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 120)
        yield json.loads(line)
    finally:
        process.terminate()
        await process.wait()


def check_in_of(client: Client, city: City, person: uuid.UUID) -> bytes:
    """The request of one person's app, standing at their unit."""
    spot = city.units[city.employees[person].unit_id].place
    body = {
        "punch_id": str(uuid.uuid4()),
        "kind": "in",
        "device_at": MORNING.isoformat(),
        "position": {"lat": spot.lat, "lon": spot.lon, "accuracy_m": 8.0},
    }
    return load.request("/attendance/v1/punches", json.dumps(body).encode(), client.token(Who("staff", person)))


def _say(text: str) -> None:
    console.print(f"  {text}")


async def measure(figures: Figures) -> None:
    city = build(STAFF, 2025, DAY)
    officer, second = (Who("bkpsdm", one) for one in officers(city))
    with folder_of_its_own() as folder:
        async with (
            system(folder) as here,
            Client(here["http"], load_private_key(folder / "token-key.pem")) as client,
        ):
            console.print(f"  a city of {STAFF:,}, imported and planned through HTTP")
            await prepare(client, (officer, second), city, DAY, _say)
            ledger = Ledger()
            await read_plans(client, officer, ledger, DAY)
            plans = ledger.plans(DAY)
            await until_the_board_knows(client, officer, DAY, len(plans))
            await all_read(here["kafka"], within_s=120)
            write_anchor(folder / "clock.json", business=MORNING, wall=time.time(), speed=1)
            requests = [
                check_in_of(client, city, day.plan.employee_id) for day in plans if day.plan.starts_at is not None
            ]
            await _check_ins_to_board(figures, client, Watcher(client, officer, DAY), requests)
            # The doors refuse to show a time that has not come.
            write_anchor(folder / "clock.json", business=NOON, wall=time.time(), speed=1)
            await _city_view(figures, client, officer)


async def _check_ins_to_board(figures: Figures, client: Client, watcher: Watcher, requests: list[bytes]) -> None:
    address = urlsplit(client.base)
    watching = asyncio.create_task(watcher.run())
    receipts: list[float] = []
    p50: list[float] = []
    p99: list[float] = []
    rates: list[float] = []
    for turn in range(RUNS):
        batch = requests[turn * CHECK_INS : (turn + 1) * CHECK_INS]
        answers = await load.run(address.hostname or "", address.port or 0, batch, rate=RATE)
        if set(answers.statuses) != {201}:
            raise RuntimeError(f"not every check-in was recorded: {dict(answers.statuses)}")
        receipts += answers.finished
        deadline = time.monotonic() + 60
        while not watcher.updates or watcher.updates[-1].checked_in < len(receipts):
            if time.monotonic() > deadline:
                seen = watcher.updates[-1].checked_in if watcher.updates else 0
                raise RuntimeError(f"{len(receipts)} check-ins, but the board counts {seen}")
            await asyncio.sleep(0.05)
        took = delays(receipts, watcher.updates, before=NOON)[-len(batch) :]
        p50.append(quantile(took, 0.5) or 0.0)
        p99.append(quantile(took, 0.99) or 0.0)
        rates.append(len(batch) / answers.elapsed_s)
        console.print(f"  run {turn + 1}/{RUNS}: p50 {p50[-1]:.3f} s, p99 {p99[-1]:.3f} s at {rates[-1]:.0f}/s")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    figures.add("checkin_to_board_p50_s", p50)
    figures.add("checkin_to_board_p99_s", p99)
    figures.add("checkin_to_board_rate_per_s", rates)


async def _city_view(figures: Figures, client: Client, officer: Who) -> None:
    params = {"date": DAY.isoformat()}
    runs: list[float] = []
    for _ in range(RUNS):
        took: list[float] = []
        for _ in range(10):
            started = time.perf_counter()
            await client.call(officer, "GET", "/reporting/v1/city", params=params)
            took.append((time.perf_counter() - started) * 1000)
        runs.append(statistics.median(took))
    console.print(f"  city view: {statistics.median(runs):.0f} ms")
    figures.add("city_view_ms", runs)
