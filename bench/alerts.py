"""From a clerk's check-out that leaves a counter short to the inbox of who heads it, at 500 check-ins a second.

The whole system runs on this machine as `hadir up` starts it, in a city of 24,000. Before a turn each counter has
just as many clerks as it needs; in the turn one of each leaves while others of the city check in. The heads'
inboxes are open, as their phones have them. Both times are read off this process's clock: the receipt's after its
whole answer was there, the message's when it was read from the stream.
"""

import asyncio
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench import load
from bench.builds import Build
from bench.harness import console, folder_of_its_own
from bench.system import DAY, PATIENCE_S, Prepared, Up, prepared_city, until_at_rest, up
from demo.client import Who
from demo.topics import all_read
from demo.watch import events, quantile
from shared.dates import WIB

RATE = 500.0
CHECK_INS = 4_000
COUNTERS = 40
OPEN = datetime(2025, 11, 6, 9, 0, tzinfo=WIB)
"""All counters of the day are open."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter, who heads it, and the clerks that it needs just now: the first of them leaves."""

    unit_id: str
    head: uuid.UUID
    clerks: Sequence[uuid.UUID]


class Alerts:
    """The turns of one system, which stays up."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._begun = False
        self._stack = AsyncExitStack()
        self._seen: set[str] = set()
        self._heard: dict[str, float] = {}
        """When the newest alert of a unit was read, as Unix time."""
        self._following: list[asyncio.Task[None]] = []

    async def _begin(self) -> None:
        """Make the city, choose counters and open the inboxes of their heads."""
        self.world = await prepared_city(self._build, self._stack.enter_context(folder_of_its_own()))
        self.here = await self._stack.enter_async_context(up(self._build, self.world.folder, OPEN))
        await all_read(self.here.kafka, within_s=PATIENCE_S)
        self.counters, taken = await _counters(self.world, self.here)
        self.others = [person for person in self.world.working() if person not in taken]
        console.print(f"  {len(self.counters)} counters, {len(self.others):,} others to check in")
        self._session = await self._stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        for head in {counter.head for counter in self.counters}:
            self._following.append(asyncio.create_task(self._follow(head)))

    async def end(self) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        await self._stack.aclose()

    async def turn(self) -> dict[str, float]:
        """One turn: CHECK_INS at RATE, and meanwhile one clerk of each counter leaves."""
        if not self._begun:
            self._begun = True
            await self._begin()
        await self._staffed()
        await until_at_rest(self.here.pid)
        people, self.others = self.others[:CHECK_INS], self.others[CHECK_INS:]
        if len(people) < CHECK_INS:
            raise RuntimeError("everyone has checked in: take fewer turns")
        requests = [self.world.check_in(self.here.client, person, OPEN) for person in people]
        address = urlsplit(self.here.http)
        loading = asyncio.create_task(
            load.run(address.hostname or "", address.port or 0, requests, rate=RATE), name="load"
        )
        self._heard.clear()
        receipts: dict[str, float] = {}
        for counter in self.counters:
            await asyncio.sleep(CHECK_INS / RATE / (len(self.counters) + 5))
            receipts[counter.unit_id] = await self._punch(counter.clerks[0], "out")
        answers = await loading
        if set(answers.statuses) != {201}:
            raise RuntimeError(f"not every check-in was recorded: {dict(answers.statuses)}")
        await _until(self._all_heard, "not every head heard that their counter is short")
        took = [self._heard[unit] - at for unit, at in receipts.items()]
        return {
            "short_to_inbox_p50_s": quantile(took, 0.5) or 0.0,
            "short_to_inbox_p99_s": quantile(took, 0.99) or 0.0,
            "short_to_inbox_rate_per_s": len(people) / answers.elapsed_s,
        }

    async def _all_heard(self) -> bool:
        return all(counter.unit_id in self._heard for counter in self.counters)

    async def _staffed(self) -> None:
        """Each counter has just the clerks that it needs, and reporting says so."""
        there = await _present(self.world, self.here)
        for counter in self.counters:
            for clerk in counter.clerks[: len(counter.clerks) - there[counter.unit_id]]:
                await self._punch(clerk, "in")

        async def all_met() -> bool:
            present = await _present(self.world, self.here)
            return all(present[counter.unit_id] == len(counter.clerks) for counter in self.counters)

        await _until(all_met, "not every counter is staffed")
        await asyncio.sleep(1)  # and its all-clear has been told

    async def _punch(self, person: uuid.UUID, kind: str) -> float:
        """Check in or out at one's unit; when the answer was there, as Unix time."""
        body = json.loads(self.world.check_in(self.here.client, person, OPEN, kind).split(b"\r\n\r\n", 1)[1])
        answer = await self.here.client.call(Who("staff", person), "POST", "/attendance/v1/punches", json=body)
        return answer.received

    async def _follow(self, head: uuid.UUID) -> None:
        """Read a head's inbox as it fills, until cancelled."""
        token = self.here.client.token(Who("staff", head))
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
        address = f"{self.here.http}/notifications/v1/me/inbox/stream"
        async with self._session.get(address, headers=headers, timeout=timeout) as stream:
            if stream.status != 200:
                raise RuntimeError(f"the inbox of a head answers {stream.status}")
            async for _, data in events(stream.content):
                now = time.time()
                told: dict[str, Any] = json.loads(data)
                for message in told["items"]:
                    if message["kind"] == "counter.short" and message["notification_id"] not in self._seen:
                        self._seen.add(message["notification_id"])
                        self._heard[message["subject"]] = now


async def _present(world: Prepared, here: Up) -> dict[str, int]:
    """People present, by service point."""
    units = await here.client.items(world.officer, "/reporting/v1/units", {"date": DAY.isoformat()})
    return defaultdict(int, {unit["unit_id"]: unit["present_low"] for unit in units})


async def _counters(world: Prepared, here: Up) -> tuple[list[Counter], set[uuid.UUID]]:
    """COUNTERS that are open and have a head and the clerks that they need; and everyone who is planned there."""
    heads: dict[str, uuid.UUID] = {}
    for person in world.city.employees.values():
        heads |= {unit_id: person.employee_id for unit_id in person.heads if unit_id in world.city.units}
    planned: defaultdict[str, list[uuid.UUID]] = defaultdict(list)
    for plan in world.plans:
        # By shifts dates overlap: a check-out may be last night's.
        if world.city.units[plan.unit_id].timetable == "shift" or plan.mode != "WFO":
            continue
        if plan.starts_at and plan.ends_at and plan.starts_at <= OPEN < plan.ends_at:
            planned[plan.unit_id].append(plan.employee_id)
    chosen: list[Counter] = []
    for unit in await here.client.items(world.officer, "/reporting/v1/units", {"date": DAY.isoformat()}):
        unit_id, required = unit["unit_id"], unit["required"]
        if unit_id in heads and 0 < required <= len(planned[unit_id]) and len(chosen) < COUNTERS:
            chosen.append(Counter(unit_id, heads[unit_id], planned[unit_id][:required]))
    return chosen, {person for counter in chosen for person in planned[counter.unit_id]}


async def _until(so: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    deadline = time.monotonic() + 60
    while not await so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{otherwise} within a minute")
        await asyncio.sleep(0.1)
