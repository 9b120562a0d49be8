"""The data of a released version, brought to today's tables while events flow, and read on by today's services."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from fastapi import FastAPI

from deploy.local.hosted import migrations_of
from deploy.local.kafka import Kafka
from deploy.local.topics import create_topics
from services.reporting.commands.facts import digest
from services.reporting.commands.rebuild import rebuild
from services.reporting.commands.steps import drain
from shared.clock import FixedClock
from shared.database import Database, migrate
from shared.events.base import SERVICES, ServiceName
from tests.kit.backing import temporary_state
from tests.kit.kafka import eventually, reading
from tests.kit.released import Kept, Released, commit, put_back, released, restored
from tests.kit.services import Signer, in_process, settings_for

pytestmark = pytest.mark.long

NOW = datetime(2025, 11, 13, 17, 0, 30, tzinfo=UTC)
"""When the captured system was last asked."""
MARKED = date(2025, 11, 20)
"""A date of no plan: punches on it change nothing that was asked about."""
PUNCH = """
    insert into punch (punch_id, employee_id, opd_code, unit_id, work_date, kind, at, received_at, device_at, zone,
        source, flags, lat, lon, accuracy_m, time_trust)
    values ($1, $2, $3, $4, $5, 'in', $6, $6, null, 'office', 'app', '{}', null, null, null, 'server')
"""
OUTBOX = "insert into outbox (topic, key, value, headers) values ($1, $2, $3, $4::jsonb)"


class OldWriter:
    """Records check-ins, and promises their events, by the statements of version 0.2.0."""

    def __init__(self, url: str, like: Kept) -> None:
        self.recorded: list[UUID] = []
        self._url = url
        self._value: dict[str, Any] = json.loads(like.value or b"")
        self._like = like

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Until the end of the block, a check-in after the other; raises what one of them raised."""
        connection: asyncpg.Connection = await asyncpg.connect(self._url)
        enough = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(connection, enough))
                yield
                enough.set()
        finally:
            await connection.close()

    async def _write(self, connection: asyncpg.Connection, enough: asyncio.Event) -> None:
        while not enough.is_set():
            await self._one(connection)
            await asyncio.sleep(0.02)

    async def _one(self, connection: asyncpg.Connection) -> None:
        punch_id, at = uuid4(), NOW + timedelta(seconds=len(self.recorded))
        stated = {
            **self._value,
            "punch_id": str(punch_id),
            "work_date": MARKED.isoformat(),
            "kind": "in",
            "at": at.isoformat(),
            "received_at": at.isoformat(),
        }
        headers = {name: text.decode() for name, text in self._like.headers}
        headers |= {"ce_id": str(uuid4()), "ce_time": at.isoformat()}
        employee, opd, unit = (stated[name] for name in ("employee_id", "opd_code", "unit_id"))
        async with connection.transaction():
            await connection.execute(PUNCH, punch_id, UUID(employee), opd, unit, MARKED, at)
            await connection.execute(
                OUTBOX, self._like.topic, self._like.key, json.dumps(stated).encode(), json.dumps(headers)
            )
        self.recorded.append(punch_id)


async def behind(kafka: str, group: str, read: Sequence[str]) -> int:
    """How many records of these topics the group has yet to acknowledge."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
        described: list[Any] = await admin.describe_topics(list(read))
        places = [
            TopicPartition(topic["topic"], part["partition"])
            for topic in described
            for part in topic["partitions"]
        ]
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        return sum(end - (offsets[place].offset if place in offsets else 0) for place, end in ends.items())
    finally:
        await consumer.stop()
        await admin.close()


async def all_read(kafka: str) -> bool:
    projections = {name: import_module(f"services.{name}.facts").PROJECTION for name in SERVICES}
    for name, projection in projections.items():
        if await behind(kafka, f"{name}.facts", projection.topics):
            return False
    return True


def held(then: object, now: object) -> object:
    """What `now` says of all that `then` had a word for: doors only grow."""
    if isinstance(then, dict) and isinstance(now, dict):
        words, said = cast("dict[str, object]", then), cast("dict[str, object]", now)
        return {name: held(value, said.get(name)) for name, value in words.items()}
    if isinstance(then, list) and isinstance(now, list):
        ours, theirs = cast("list[object]", then), cast("list[object]", now)
        return [held(*pair) for pair in zip(ours, theirs, strict=False)] + theirs[len(ours) :]
    return now


def unsaid(done: int, total: int) -> None:
    """Nobody waits for it."""


async def migrated_under_load(
    urls: Mapping[str, str], kafka: str, writer: OldWriter, later: Sequence[Kept]
) -> None:
    """As the job `migrations` does it, with check-ins of the old version and its records coming in meanwhile."""
    async with writer.writing():
        await eventually(lambda: writer.recorded)
        flowing = asyncio.create_task(put_back(kafka, later))
        for service in SERVICES:
            before = len(writer.recorded)
            await asyncio.to_thread(migrate, urls[service], migrations_of(service))
            await eventually(lambda before=before: len(writer.recorded) > before)
        await flowing


@asynccontextmanager
async def of_today(
    urls: Mapping[str, str], kafka: str, signer: Signer, folder: Path
) -> AsyncGenerator[dict[ServiceName, httpx.AsyncClient]]:
    async with AsyncExitStack() as running:
        clients: dict[ServiceName, httpx.AsyncClient] = {}
        for name in SERVICES:
            state = folder / name
            state.mkdir()
            told = settings_for(name, signer, state, database_url=urls[name], kafka=kafka)
            app: FastAPI = import_module(f"services.{name}.app").create_app(told, FixedClock(NOW))
            clients[name] = await running.enter_async_context(in_process(app))
        yield clients


async def test_data_of_0_2_0_are_migrated_while_events_flow_and_say_what_they_said(
    postgres: str, tmp_path: Path
) -> None:
    kept: Released = released("0.2.0")
    async with AsyncExitStack() as stack:
        state = stack.enter_context(temporary_state())
        broker = Kafka(state)
        await broker.start()
        stack.push_async_callback(broker.stop)
        kafka = broker.bootstrap
        await create_topics(kafka)
        await put_back(kafka, kept.before)
        await commit(kafka, kept.offsets)
        urls = {name: await restored(postgres, kept.dumps[name], name, stack) for name in SERVICES}
        writer = OldWriter(
            urls["attendance"], next(one for one in kept.after if one.topic == "attendance.recorded.v1")
        )

        await migrated_under_load(urls, kafka, writer, kept.after)
        signer = Signer()
        async with of_today(urls, kafka, signer, tmp_path) as clients:
            await eventually(partial(all_read, kafka))
            told_then = [
                json.loads(one.value or b"")["punch_id"]
                for one in (*kept.before, *kept.after)
                if one.topic == "attendance.recorded.v1"
            ]
            everyone = sorted([*told_then, *map(str, writer.recorded)])
            async with reading(kafka, "attendance.recorded.v1") as tail:
                await tail.until(lambda: len(tail.records) >= len(everyone))
                assert sorted(json.loads(record.value or b"")["punch_id"] for record in tail.records) == everyone
            await eventually(partial(all_read, kafka))

            reports = Database(urls["reporting"])
            stack.push_async_callback(reports.close)
            await drain(reports, NOW)
            headers = signer.headers("bkpsdm")
            for address, then in kept.answers.items():
                answer = await clients["reporting"].get(address, headers=headers)
                assert answer.status_code == 200, answer.text
                assert held(then, answer.json()) == then, address

        read_on = await digest(reports)
        told = settings_for("reporting", signer, tmp_path, database_url=urls["reporting"], kafka=kafka)
        await rebuild(told, unsaid, unsaid)
        assert await digest(reports) == read_on
