"""One part of a service as a process of its own, to be killed: `python -m tests.faults.part relay ...`."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from services.notifications.channels import Outcome, Parcel
from services.notifications.domain.kinds import Way
from shared.bus import AT_ONCE, HandlerContext, Router
from shared.database import Database
from shared.events import TOPICS, Received
from shared.outbox import Relay
from shared.telemetry import Metrics
from tests.kit.delivering import FakeChannel, working
from tests.kit.kafka import declared, fold_plans, running_bus

ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def part(*arguments: str) -> AsyncGenerator[Process]:
    """The process, ended at the latest with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.part", *map(str, arguments), cwd=ROOT
    )
    try:
        yield process
    finally:
        await kill(process)


async def kill(process: Process) -> None:
    """SIGKILL: no goodbye to Kafka or PostgreSQL."""
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def relay(url: str, kafka: str, batch: str) -> None:
    await Relay(Database(url), {"bootstrap_servers": kafka}, Metrics("attendance"), batch=int(batch)).run()


async def stopped_relay(url: str, kafka: str, batch: str) -> None:
    """A relay that stops itself (SIGSTOP) between reading its first rows and sending them."""

    class Stopped(Relay):
        async def _batches(self, producer: Any, rows: Any) -> Any:
            if next(rounds) == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
            return await super()._batches(producer, rows)

    rounds = count()

    await Stopped(Database(url), {"bootstrap_servers": kafka}, Metrics("attendance"), batch=int(batch)).run()


async def consumer(url: str, kafka: str, topic: str, group: str, stall: str) -> None:
    """Folds plans into attendance's facts, several batches at once. With `stall`, touches that file after a commit
    and then never acknowledges; where its name ends in `overtaken`, the first batch never even commits."""
    TOPICS[topic] = declared(topic, 3)
    router, calls = Router(), count()

    @router.batch(topic, group=group, at_once=AT_ONCE)
    async def fold(batch: list[Received], context: HandlerContext) -> None:
        if next(calls) == 0 and stall.endswith("overtaken"):
            await asyncio.Event().wait()
        await fold_plans(batch, context)
        if stall:
            await asyncio.to_thread(Path(stall).touch)
            await asyncio.Event().wait()

    async with running_bus(Database(url), kafka, router, batch_max_records=100):
        await asyncio.Event().wait()


async def deliver(url: str, way: str, handed: str) -> None:
    """Hands over what is due by a way, and never hears what became of it; names in a file what it handed over."""

    async def does(parcel: Parcel) -> Outcome:
        await asyncio.to_thread(Path(handed).write_text, str(parcel.id))
        await asyncio.Event().wait()
        raise AssertionError

    one: Way = "webhook" if way == "webhook" else "email"
    async with working(Database(url), FakeChannel(one, does, repeats_safely=one == "webhook")):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(
        {"relay": relay, "stopped_relay": stopped_relay, "consumer": consumer, "deliver": deliver}[sys.argv[1]](
            *sys.argv[2:]
        )
    )
