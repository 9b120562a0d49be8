"""The faults: each is done as its block begins and taken back as it ends."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.kafka import settings
from shared.events import AttendanceRecorded, Event, ScheduleChanged
from shared.events.envelope import encode
from tests.nemesis.proxy import How
from tests.nemesis.rig import Rig
from tests.nemesis.schedule import Planned

Fault = Callable[[Rig, Planned], AbstractAsyncContextManager[None]]
FURTHEST = timedelta(hours=2)
"""The business clock jumps at most so far."""
SLOWEST_S = 1.5
TOO_SMALL = {"max.message.bytes": "100", "retention.ms": "86400000"}
"""What a setting becomes: records are refused; old ones might be deleted, of which there are none."""


@asynccontextmanager
async def _kill(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    rig.signal(what.target, signal.SIGKILL)
    yield


@asynccontextmanager
async def _pause(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    stopped = rig.processes(what.target)
    rig.signal(what.target, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:  # those, whoever has been started in their place meanwhile
            with suppress(Exception):
                process.send_signal(signal.SIGCONT)
        rig.signal(what.target, signal.SIGCONT)


@asynccontextmanager
async def _stop(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    server = rig.server(what.target)
    server.may_run.clear()
    rig.signal(what.target, signal.SIGTERM if what.target == "kafka" else signal.SIGINT)
    try:
        yield
    finally:
        server.may_run.set()


@asynccontextmanager
async def _sessions(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    """Again and again: those that a pool opens in place of the first ones too."""

    async def end() -> None:
        while True:
            with suppress(Exception):
                admin = await rig.connect()
                try:
                    await admin.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", what.target
                    )
                finally:
                    await admin.close()
            await asyncio.sleep(1.0)

    ending = asyncio.create_task(end())
    try:
        yield
    finally:
        ending.cancel()
        with suppress(asyncio.CancelledError):
            await ending


def _network(how: How) -> Fault:
    @asynccontextmanager
    async def fault(rig: Rig, what: Planned) -> AsyncGenerator[None]:
        proxy = rig.server(what.target).proxy
        proxy.behave(how, delay_s=0.02 + SLOWEST_S * what.share * (0.2 if how == "halves" else 1.0))
        try:
            yield
        finally:
            proxy.behave("well")

    return fault


@asynccontextmanager
async def _disk_full(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    disk = rig.disks.get(what.target)
    if disk is None:
        raise NotHere("this account may not mount a disk of its own")
    disk.fill()
    try:
        yield
    finally:
        disk.free()


@asynccontextmanager
async def _clock(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    by = FURTHEST * (0.1 + 0.9 * what.share)
    rig.jump(by if what.target == "forward" else -by / 2)
    yield


@asynccontextmanager
async def _topic(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    topics = [event.topic for event in (AttendanceRecorded, ScheduleChanged)]
    async with _admin(rig) as admin:
        before = await settings.read(admin, {topic: {what.target: ""} for topic in topics})
        await settings.change(admin, {topic: {what.target: TOO_SMALL[what.target]} for topic in topics})
    try:
        yield
    finally:
        # A broker that is away as well comes back: what we changed we change back.
        async with asyncio.timeout(120):
            while True:
                with suppress(KafkaError, OSError, TimeoutError):
                    async with _admin(rig) as admin:
                        await settings.change(admin, before)
                        break
                await asyncio.sleep(1.0)


@asynccontextmanager
async def _admin(rig: Rig) -> AsyncGenerator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=rig.kafka.bootstrap, request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def _transaction(rig: Rig, what: Planned) -> AsyncGenerator[None]:
    """A stranger writes into a topic of ours under a transaction, leaves it open for a while and takes it back."""
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=rig.kafka.bootstrap,
        transactional_id=f"stranger-{uuid4().hex[:8]}",
        transaction_timeout_ms=60_000,
        request_timeout_ms=10_000,
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        record = encode(_strange(rig, what.target), id=uuid4(), time=rig.business(), source=_owner(what.target))
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=record.headers)
        yield
        with suppress(KafkaError, OSError, TimeoutError):  # then the broker takes it back when its time is up
            async with asyncio.timeout(20):
                await producer.abort_transaction()
    finally:
        with suppress(Exception):
            async with asyncio.timeout(10):
                await producer.stop()


def _owner(topic: str) -> str:
    return "/hadir/attendance" if topic == AttendanceRecorded.topic else "/hadir/scheduling"


def _strange(rig: Rig, topic: str) -> Event:
    """Something that would be believed if it were committed, and for which nobody asked."""
    now = rig.business()
    if topic == AttendanceRecorded.topic:
        return AttendanceRecorded(
            punch_id=uuid4(),
            employee_id=uuid4(),
            opd_code="BKPSDM",
            unit_id="BKPSDM-SEKRETARIAT",
            work_date=now.date(),
            kind="in",
            at=now,
            received_at=now,
            zone="office",
            source="app",
        )
    return ScheduleChanged(
        employee_id=uuid4(),
        opd_code="BKPSDM",
        unit_id="BKPSDM-SEKRETARIAT",
        work_date=now.date(),
        revision=9,
        mode="OFF",
    )


class NotHere(Exception):
    """A fault that cannot be made on this machine; the text says why."""


FAULTS: dict[str, Fault] = {
    "kill": _kill,
    "pause": _pause,
    "stop": _stop,
    "sessions": _sessions,
    "cut": _network("cut"),
    "delay": _network("delay"),
    "silent": _network("silent"),
    "halves": _network("halves"),
    "torn": _network("torn"),
    "disk full": _disk_full,
    "clock": _clock,
    "topic": _topic,
    "transaction": _transaction,
}
