"""No event, whatever is in it, stops a city: after all of them a good one still reaches everyone concerned."""

import asyncio
import contextlib
import datetime as dt
import json
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI

from deploy.local.kafka import Kafka
from deploy.local.topics import create_topics
from services.attendance.app import create_app as attendance
from services.notifications.app import create_app as notifications
from services.reporting.app import create_app as reporting
from shared.clock import FixedClock
from shared.events import TOPICS, Event, InvalidEvent, Message, decode, encode, source_of
from shared.events.base import ServiceName
from tests.conftest import DatabaseFor
from tests.contract.spoilt import DAY, flood
from tests.kit.backing import temporary_state
from tests.kit.kafka import eventually, reading
from tests.kit.services import Signer, settings_for

WIB = dt.timezone(dt.timedelta(hours=7))
NOW = dt.datetime(2026, 2, 16, 9, 0, tzinfo=WIB)
DRAWN = int(os.environ.get("HADIR_FLOOD_EXAMPLES", "20"))
"""Values drawn for each topic, beside those at every bound. More of them find more; CI needs no luck."""

SERVICES: dict[ServiceName, Callable[..., FastAPI]] = {
    "attendance": attendance,
    "reporting": reporting,
    "notifications": notifications,
}
STRANGE_HEADERS: list[tuple[str, bytes | None]] = [
    ("ce_time", b"0001-01-01T00:00:00+14:00"),
    ("ce_time", b"9999-12-31T23:59:59-14:00"),
    ("ce_time", b"1900-01-01T00:00:00Z"),
    ("ce_time", b"2999-12-31T23:59:59.999999Z"),
    ("ce_time", b"1762389000"),
    ("ce_id", b"{00000000-0000-0000-0000-000000000000}"),
    ("ce_id", b"ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("ce_source", b"/elsewhere"),
    ("ce_source", None),
    ("traceparent", b"\xff" * 5000),
    ("x" * 5000, b"y" * 50_000),
]


@dataclass
class City:
    kafka: str
    apps: dict[str, FastAPI]
    clients: dict[str, httpx.AsyncClient]
    signer: Signer

    async def get(self, service: str, path: str, *, subject: UUID | None = None, role: Any = "bkpsdm") -> Any:
        headers = self.signer.headers(role, subject)
        answer = await self.clients[service].get(f"/{service}{path}", headers=headers)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


@asynccontextmanager
async def city(database_for: DatabaseFor, folder: Path) -> AsyncGenerator[City]:
    """The three services that read, on a broker of their own: nobody else shall meet these records."""
    signer = Signer()
    async with AsyncExitStack() as stack:
        broker = Kafka(stack.enter_context(temporary_state()))
        await broker.start()
        stack.push_async_callback(broker.stop)
        await create_topics(broker.bootstrap)
        found = City(broker.bootstrap, {}, {}, signer)
        for name, create_app in SERVICES.items():
            settings = settings_for(
                name,
                signer,
                folder,
                database_url=(await database_for(name)).url,
                kafka=broker.bootstrap,
                dead_letter_limit=1_000_000,
                dead_letter_per_thousand=1000,
            )
            app = create_app(settings, FixedClock(NOW))
            await stack.enter_async_context(app.router.lifespan_context(app))
            found.apps[name] = app
            found.clients[name] = await stack.enter_async_context(
                httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hadir")
            )
        yield found


def message(event: Event) -> Message:
    return encode(event, id=uuid4(), time=NOW, source=source_of(event_owner(event.topic)))


def event_owner(topic: str) -> str:
    return TOPICS[topic].owner


def record(topic: str, value: Any) -> Message:
    """`value` as its owner would send it, whether or not anyone can read it."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid4()).encode()),
        ("ce_type", topic.encode()),
        ("ce_source", source_of(event_owner(topic)).encode()),
        ("ce_time", NOW.isoformat().encode()),
    ]
    key = str(cast("dict[str, Any]", value).get(TOPICS[topic].key, "")) if isinstance(value, dict) else ""
    return Message(topic, key.encode("utf-8", "replace"), json.dumps(value).encode(), headers)


async def send(kafka: str, records: list[Message]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5, max_request_size=4_000_000)
    await producer.start()
    try:
        for one in records:
            await producer.send(one.topic, one.value, key=one.key, headers=one.headers)
        await producer.flush()
    finally:
        await producer.stop()


def good_day(person: UUID, unit: str) -> list[Message]:
    """What makes one person late this morning at a counter of their own, and known to everyone."""
    values: list[tuple[str, dict[str, Any]]] = [
        (
            "rules.changed.v1",
            {
                "rules_version": "\U0010ffff",  # of two from one date the greater text is in force
                "effective_from": DAY,
                "tolerance_minutes": 0,
                "report_modes": ["WFO"],
                "report_cutoff": "17:00",
                "review_sla_working_days": 3,
            },
        ),
        (
            "directory.unit.v1",
            {
                "unit_id": unit,
                "revision": 1,
                "opd_code": "9.02",
                "opd_name": "Contoh",
                "name": "Loket",
                "is_service_point": True,
                "requirements": [
                    {
                        "effective_from": "2026-01-01",
                        "weekdays": [0],
                        "opens": "08:00",
                        "closes": "15:00",
                        "min_staff": 1,
                        "on_holidays": True,
                    }
                ],
            },
        ),
        (
            "directory.employee.v1",
            {
                "employee_id": str(person),
                "revision": 1,
                "nip": "199001012015011001",
                "name": "Contoh",
                "opd_code": "9.02",
                "unit_id": unit,
                "employment": "PNS",
            },
        ),
        (
            "schedule.changed.v1",
            {
                "employee_id": str(person),
                "opd_code": "9.02",
                "unit_id": unit,
                "work_date": DAY,
                "revision": 1,
                "mode": "WFO",
                "starts_at": f"{DAY}T07:30:00+07:00",
                "ends_at": f"{DAY}T16:00:00+07:00",
            },
        ),
        (
            "attendance.recorded.v1",
            {
                "punch_id": str(uuid4()),
                "employee_id": str(person),
                "opd_code": "9.02",
                "unit_id": unit,
                "work_date": DAY,
                "kind": "in",
                "at": f"{DAY}T08:15:00+07:00",
                "received_at": f"{DAY}T08:15:00+07:00",
                "zone": "office",
                "source": "app",
            },
        ),
    ]
    return [record(topic, value) for topic, value in values]


async def test_after_any_events_a_good_one_still_reaches_the_board_an_inbox_and_the_topics(
    database_for: DatabaseFor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    person, unit = uuid4(), f"U-{uuid4().hex}"
    records = [record(topic, value) for topic, value in flood(DRAWN)]
    odd_values: list[Any] = [None, [], "x", 7, {}, [[]] * 100]
    records += [record(topic, odd) for topic in TOPICS for odd in odd_values]
    for topic, value in ((one.topic, one.value) for one in good_day(uuid4(), "U-other")):
        sample = record(topic, json.loads(value or b""))
        for name, odd in STRANGE_HEADERS:
            headers: list[Any] = [*((key, one) for key, one in sample.headers if key != name), (name, odd)]
            records.append(Message(topic, sample.key, sample.value, headers))
    readable = sum(_is_read(one) for one in records)
    assert 0.15 < readable / len(records) < 0.85, "the flood should hold both"
    with caplog.at_level(logging.WARNING):
        async with city(database_for, tmp_path) as running:
            await send(running.kafka, records)
            await send(running.kafka, good_day(person, unit))
            async with reading(running.kafka, "compliance.changed.v1") as tail:
                key = str(person).encode()
                await tail.until(lambda: any(one.key == key for one in tail.records))
            (late, *_) = [json.loads(one.value or b"") for one in tail.records if one.key == key]
            assert (late["work_date"], late["duty"]) == (DAY, "on_time")
            await _told(running, person)
            await eventually(lambda: _is_listed(running, unit))
            day = await running.get("reporting", f"/v1/people/{person}/days/{DAY}", subject=person, role="staff")
            assert day["duties"]["on_time"]["state"] in ("not_met", "unknown")  # an outage for all excuses
            assert day["duties"]["place"]["state"] == "met"
            for path in (f"/v1/city?date={DAY}", f"/v1/opds?date={DAY}", "/v1/city?date=2026-02-17"):
                await running.get("reporting", path)
            await eventually(lambda: _is_known_to_attendance(running, person))
            punched = await _punch(running, person)
            assert (punched.status_code, punched.json()["work_date"]) == (201, DAY)
    trouble = {
        one.getMessage() for one in caplog.records if "failed" in one.getMessage() or one.levelno > logging.ERROR
    }
    assert trouble == set(), "a record that passed the contract made a handler or a task fail"


# Each topic, and each service, is read in its own time.


async def _is_listed(running: City, unit: str) -> bool:
    units = (await running.get("reporting", f"/v1/units?date={DAY}"))["items"]
    return unit in {one["unit_id"] for one in units}


async def _is_known_to_attendance(running: City, person: UUID) -> bool:
    return (await _punch(running, person)).status_code != 404


async def _punch(running: City, person: UUID) -> httpx.Response:
    return await running.clients["attendance"].post(
        "/attendance/v1/punches",
        json={"punch_id": str(uuid4()), "kind": "in", "device_at": None, "position": None},
        headers=running.signer.headers("staff", person),
    )


async def _told(running: City, person: UUID) -> None:
    """Until the person's inbox says that they were late."""
    async with asyncio.timeout(60):
        while True:
            inbox = await running.get("notifications", "/v1/me/inbox", subject=person, role="staff")
            if any(one["kind"].startswith("duty.") for one in inbox["items"]):
                return
            await asyncio.sleep(0.05)


def _is_read(one: Message) -> bool:
    with contextlib.suppress(InvalidEvent):
        return decode(one.topic, one.key, one.value, one.headers).event is not None
    return False
