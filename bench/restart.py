"""Each of the four services is killed (-9) under a small steady load: when does it read events again?

From the kill to the first offsets that its group commits afterwards, which is when facts of what it read are in
its database. Records are written straight to the topics, as their owners write them, so that there is something to
read whoever is away. What is waited for is a process that loads itself, which is CPU, and Kafka, which waits for
the dead one until its session ends. (A static member, group.instance.id, would not wait; but each replica needs
a name of its own, and what a stopped one was reading would lie until its session ends.) The supervisor is that of
`hadir up --processes`; ROUNDS kills of each.
"""

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from uuid import uuid4

import psutil
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bench.builds import this_build
from bench.harness import Figures, console, folder_of_its_own
from bench.system import MORNING, PATIENCE_S, Prepared, Up, prepared_city, until_at_rest, up
from demo.topics import all_read
from deploy.local.state import State
from deploy.local.system import LONG_ENOUGH
from shared.events import CoverageBudget, Event, ScheduleChanged, encode, source_of
from shared.events.base import SERVICES

ROUNDS = 5
EVERY_S = 0.05
"""A changed plan and a counter's budget are published so often: each service reads one of them at least."""
LOOK_S = 0.02
WELL_S = LONG_ENOUGH + 5
"""So long a service runs before it is killed again: its supervisor takes each kill for the first."""
LATE_S = 0.2
"""What a service sent just before it was killed has reached Kafka after so long."""

Offsets = Mapping[TopicPartition, int]


@asynccontextmanager
async def _load(world: Prepared, here: Up) -> AsyncGenerator[None, None]:
    producer = AIOKafkaProducer(bootstrap_servers=here.kafka, acks="all")
    await producer.start()
    writing = asyncio.create_task(_write(world, producer))
    try:
        yield
        if writing.done():
            writing.result()
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await producer.stop()


async def _write(world: Prepared, producer: AIOKafkaProducer) -> None:
    draw = random.Random(17)
    working = [plan for plan in world.plans if plan.starts_at is not None]
    units = list(world.city.units.values())
    for number in count():
        plan, unit = draw.choice(working), draw.choice(units)
        revision = 1000 + number
        changed = ScheduleChanged.model_validate({**asdict(plan), "revision": revision})
        budget = CoverageBudget(
            unit_id=unit.unit_id,
            opd_code=unit.opd_code,
            window="day",
            revision=revision,
            status="burning" if number % 2 else "recovered",
            burn_rate=1.0,
            spent_minutes=1.0,
            budget_minutes=90.0,
            as_of=MORNING,
        )
        for event in (changed, budget):
            await _publish(producer, event)
        await asyncio.sleep(EVERY_S)


async def _publish(producer: AIOKafkaProducer, event: Event) -> None:
    message = encode(event, id=uuid4(), time=MORNING, source=source_of(event.owner))
    await producer.send_and_wait(message.topic, message.value, message.key, headers=message.headers)


async def _committed(admin: AIOKafkaAdminClient, group: str) -> Offsets:
    found = await admin.list_consumer_group_offsets(group)
    return {partition: offset.offset for partition, offset in found.items()}


@dataclass(frozen=True, slots=True)
class Back:
    """Seconds from a kill to the first offsets committed again, and CPU time of the new process until then."""

    read_s: float
    cpu_s: float


async def _killed(folder: State, admin: AIOKafkaAdminClient, service: str) -> Back:
    pid, group = folder.running().pids[service], f"{service}.facts"
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    await asyncio.sleep(LATE_S)
    before = await _committed(admin, group)
    while await _committed(admin, group) == before:
        if time.monotonic() - began > PATIENCE_S:
            raise RuntimeError(f"{group} has committed nothing for {PATIENCE_S:.0f} s")
        await asyncio.sleep(LOOK_S)
    read_s = time.monotonic() - began
    times = psutil.Process(json.loads((folder.pids / f"{service}.json").read_text())["pid"]).cpu_times()
    while folder.running().pids.get(service) == pid:  # noqa: ASYNC110 - another process writes it down
        await asyncio.sleep(0.1)
    return Back(read_s, times.user + times.system)


async def _in_turn(folder: State, admin: AIOKafkaAdminClient, figures: Figures) -> None:
    well_from = dict.fromkeys(SERVICES, time.monotonic() + WELL_S)
    for number in range(1, ROUNDS + 1):
        for service in SERVICES:
            await asyncio.sleep(max(0.0, well_from[service] - time.monotonic()))
            back = await _killed(folder, admin, service)
            well_from[service] = time.monotonic() + WELL_S
            figures.append(f"restart_{service}_s", back.read_s)
            figures.append("restart_cpu_s", back.cpu_s)
            took = f"{back.read_s:.2f} s, {back.cpu_s:.2f} s of CPU"
            console.print(f"  kill {number}/{ROUNDS} [bold]{service}[/]: {took}")


async def measure(figures: Figures) -> None:
    with folder_of_its_own() as folder:
        world = await prepared_city(this_build(), folder)
        async with up(world.of, folder, MORNING, "--processes") as here:
            await all_read(here.kafka, within_s=PATIENCE_S)
            await until_at_rest(here.pid)
            admin = AIOKafkaAdminClient(bootstrap_servers=here.kafka)
            await admin.start()
            try:
                async with _load(world, here):
                    await _in_turn(State(folder), admin, figures)
            finally:
                await admin.close()
    figures.append("restart_worst_s", max(max(figures.runs[f"restart_{name}_s"]) for name in SERVICES))
