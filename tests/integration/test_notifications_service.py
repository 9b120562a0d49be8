"""The notifications service as it runs: events come by Kafka, people read over HTTP, deliveries are published."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.notifications.app import create_app
from shared.clock import FixedClock
from shared.events import (
    TOPICS,
    ComplianceChanged,
    CoverageChanged,
    EmployeeChanged,
    Event,
    NotificationSent,
    ReportReviewed,
    ScheduleChanged,
    UnitChanged,
    decode,
    encode,
    source_of,
)
from tests.conftest import DatabaseFor
from tests.kit.services import Signer, in_process, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIB = dt.timezone(dt.timedelta(hours=7))
NOW = dt.datetime(2025, 11, 6, 16, 0, tzinfo=WIB)
TODAY = dt.date(2025, 11, 6)
Publish = Callable[..., Awaitable[list[UUID]]]


@dataclass
class Running:
    client: httpx.AsyncClient
    signer: Signer
    clock: FixedClock

    def headers(self, employee_id: UUID | None, language: str = "id") -> dict[str, str]:
        token = self.signer.headers("staff" if employee_id else "bkpsdm", employee_id)
        return {**token, "accept-language": language}

    async def inbox(self, employee_id: UUID, **query: Any) -> dict[str, Any]:
        answer = await self.client.get(
            "/notifications/v1/me/inbox",
            headers=self.headers(employee_id, query.pop("language", "id")),
            params=query,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def inbox_of(self, employee_id: UUID, count: int) -> list[dict[str, Any]]:
        """The inbox, once `count` messages are in it; fails after a while."""
        async with asyncio.timeout(30):
            while len(items := (await self.inbox(employee_id, limit=1000))["items"]) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return items


@pytest_asyncio.fixture(loop_scope="session")
async def service(kafka: str, database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Running]:
    signer, db = Signer(), await database_for("notifications")
    settings = settings_for("notifications", signer, tmp_path, database_url=db.url, kafka=kafka)
    clock = FixedClock(NOW)
    async with in_process(create_app(settings, clock)) as client:
        yield Running(client, signer, clock)


@pytest_asyncio.fixture(loop_scope="session")
async def publish(kafka: str) -> AsyncIterator[Publish]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()

    async def publish(*events: Event, ids: Sequence[UUID] | None = None) -> list[UUID]:
        given = list(ids) if ids else [uuid4() for _ in events]
        for event, id_ in zip(events, given, strict=True):
            message = encode(event, id=id_, time=NOW, source=source_of(TOPICS[event.topic].owner))
            await producer.send_and_wait(message.topic, message.value, key=message.key, headers=message.headers)
        return given

    yield publish
    await producer.stop()


def verdict(employee_id: UUID, duty: str = "on_time") -> ComplianceChanged:
    return ComplianceChanged.model_validate(
        {
            "employee_id": employee_id,
            "opd_code": "DISDIK",
            "work_date": TODAY,
            "duty": duty,
            "revision": 1,
            "state": "not_met",
            "previous": "pending",
            "as_of": NOW,
        }
    )


def review(employee_id: UUID) -> ReportReviewed:
    return ReportReviewed(
        report_id=uuid4(),
        employee_id=employee_id,
        work_date=TODAY,
        report_revision=1,
        revision=1,
        reviewed_at=NOW,
        reviewer_id=uuid4(),
        decision="accepted",
    )


async def sent_to(bootstrap: str, employee_id: UUID, until: UUID) -> list[NotificationSent]:
    """What is published about one person, up to the message about the cause `until`."""
    consumer = AIOKafkaConsumer("notification.sent.v1", bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[NotificationSent] = []
    try:
        async with asyncio.timeout(30):
            async for record in consumer:
                event = decode(record.topic, record.key, record.value, record.headers).event
                assert isinstance(event, NotificationSent)
                if event.employee_id == employee_id:
                    found.append(event)
                    if event.cause_event_id == until:
                        return found
    finally:
        await consumer.stop()
    raise AssertionError("the consumer stopped by itself")


async def test_an_event_becomes_one_message_and_one_published_delivery_however_often_it_comes(
    service: Running, publish: Publish, kafka: str
) -> None:
    me = uuid4()
    event = verdict(me)
    (cause,) = await publish(event)
    await publish(event, event, ids=[cause, cause])
    # The same key and topic: when this one is told, the duplicates before it have been taken in.
    (last,) = await publish(verdict(me, "place"))
    newer, told = await service.inbox_of(me, 2)
    assert (newer["cause_event_id"], told["cause_event_id"]) == (str(last), str(cause))
    assert (told["kind"], told["params"]["duty"]) == ("duty.not_met", "on_time")
    assert "Kamis, 6 November 2025" in told["text"]
    sent = await sent_to(kafka, me, last)
    assert [(one.cause_event_id, one.kind, one.channel, one.status) for one in sent] == [
        (cause, "duty.not_met", "inbox", "delivered"),
        (last, "duty.not_met", "inbox", "delivered"),
    ]
    assert str(sent[0].notification_id) == told["notification_id"]


async def test_who_has_not_come_is_asked_to_when_business_time_has_come(
    service: Running, publish: Publish
) -> None:
    me, start = uuid4(), dt.datetime.combine(TODAY, dt.time(7, 30), WIB)
    service.clock.set(start + dt.timedelta(minutes=1))
    plan = {"employee_id": me, "opd_code": "DISDIK", "unit_id": "U1", "work_date": TODAY, "revision": 1}
    hours = {"mode": "WFO", "starts_at": start, "ends_at": start + dt.timedelta(hours=8)}
    await publish(ScheduleChanged.model_validate(plan | hours))
    await service.inbox_of(me, 1)
    await publish(verdict(me))
    # The same key and topic: when this one is told, that they were not on time has been heard, and waits.
    await publish(verdict(me, "report"))
    assert [item["kind"] for item in await service.inbox_of(me, 2)] == ["duty.not_met", "schedule.new"]
    service.clock.set(start + dt.timedelta(minutes=15))
    asked, *_ = await service.inbox_of(me, 3)
    assert (asked["kind"], asked["params"]["work_date"]) == ("checkin.missing", TODAY.isoformat())
    assert "07.30" in asked["text"]


async def test_an_inbox_comes_in_pages_newest_first_and_counts_the_unread(
    service: Running, publish: Publish
) -> None:
    me, other = uuid4(), uuid4()
    await publish(verdict(other))
    for duty in ("on_time", "place", "hours", "report", "output"):
        await publish(verdict(me, duty))
    items = await service.inbox_of(me, 5)
    assert [item["params"]["duty"] for item in items] == ["output", "report", "hours", "place", "on_time"]
    walked: list[str] = []
    cursor: str | None = None
    while True:
        page = await service.inbox(me, limit=2, **({"cursor": cursor} if cursor else {}))
        walked += [item["notification_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert walked == [item["notification_id"] for item in items]
    assert page["unread"] == 5

    path = f"/notifications/v1/me/inbox/{walked[0]}/read"
    first = await service.client.post(path, headers=service.headers(me))
    again = await service.client.post(path, headers=service.headers(me))
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    left = await service.inbox(me, unread="true")
    assert (left["unread"], [item["notification_id"] for item in left["items"]]) == (4, walked[1:])
    every = await service.client.post("/notifications/v1/me/inbox/read", headers=service.headers(me))
    assert every.json() == {"marked": 4}
    assert (await service.inbox(me))["unread"] == 0

    theirs = (await service.inbox_of(other, 1))[0]["notification_id"]
    foreign = await service.client.post(f"/notifications/v1/me/inbox/{theirs}/read", headers=service.headers(me))
    assert foreign.status_code == 404
    assert foreign.headers["content-type"] == "application/problem+json"
    assert (await service.inbox(other))["unread"] == 1


async def test_preferences_choose_language_and_mute_kinds(service: Running, publish: Publish) -> None:
    me = uuid4()
    url = "/notifications/v1/me/preferences"
    before = (await service.client.get(url, headers=service.headers(me))).json()
    asked = ("language", "muted_channels", "muted_kinds", "muted")
    assert [before[name] for name in asked] == [None, [], [], []]
    titles = {one["kind"]: one["title"] for one in before["kinds"]}
    assert titles["counter.short"] == "Loket kekurangan petugas"
    wanted = {
        "language": "en",
        "muted_channels": ["email"],
        "muted_kinds": ["duty.not_met"],
        "muted": [{"kind": "report.returned", "channel": "push"}, {"kind": "duty.unknown", "channel": "inbox"}],
    }
    answer = await service.client.put(url, headers=service.headers(me), json=wanted)
    assert answer.status_code == 200
    stored = (await service.client.get(url, headers=service.headers(me))).json()
    assert {name: stored[name] for name in wanted if name != "muted"} == {
        name: value for name, value in wanted.items() if name != "muted"
    }
    assert stored["muted"] == list(reversed(wanted["muted"]))
    again = await service.client.put(url, headers=service.headers(me), json={name: stored[name] for name in asked})
    assert again.json() == stored
    await publish(verdict(me))
    await publish(verdict(me, "place").model_copy(update={"state": "unknown"}))
    await publish(review(me))
    (item,) = await service.inbox_of(me, 1)
    assert item["text"].startswith("Your work report for Thursday, 6 November 2025")
    assert item["link"] == f"/reporting/app/days/{TODAY}?lang=en"
    assert item["why"] == "You get this message because this is your report."


async def test_preferences_offer_what_does_something_and_say_what_cannot_be_turned_off(service: Running) -> None:
    me = uuid4()
    answer = await service.client.get("/notifications/v1/me/preferences", headers=service.headers(me))
    choices = {one["kind"]: one for one in answer.json()["kinds"]}
    returned = {one["channel"]: one for one in choices["report.returned"]["channels"]}
    assert list(returned) == ["inbox", "email", "push"]
    assert (returned["inbox"]["on"], returned["inbox"]["fixed"]) == (True, True)
    assert returned["inbox"]["why"]
    assert (returned["email"]["fixed"], returned["email"]["available"]) == (False, False)
    assert [one["channel"] for one in choices["duty.not_met"]["channels"]] == ["inbox"]
    assert choices["digest.council"]["channels"] == []
    assert {kind for kind, one in choices.items() if not one["for_you"]} >= {"counter.short", "reviews.waiting"}
    channels = {one["channel"]: one for one in answer.json()["channels"]}
    assert channels["inbox"] == {
        "channel": "inbox",
        "title": "Kotak masuk",
        "available": True,
        "why": None,
        "addresses": [],
    }
    assert channels["email"]["why"] == "Kota belum menyalakan surel."


async def test_a_short_counter_is_told_by_its_name(service: Running, publish: Publish) -> None:
    unit, head = f"U-{uuid4().hex[:8]}", uuid4()
    await publish(
        UnitChanged(
            unit_id=unit, revision=1, opd_code="DKCS", opd_name="Dukcapil", name="Loket KTP", is_service_point=True
        ),
        EmployeeChanged(
            employee_id=head,
            revision=1,
            nip="199001012015011001",
            name="Kepala",
            opd_code="DKCS",
            unit_id=unit,
            heads=[unit],
            employment="PNS",
        ),
        CoverageChanged(
            unit_id=unit,
            opd_code="DKCS",
            revision=1,
            status="short",
            previous="met",
            as_of=NOW,
            required=2,
            present_low=1,
            present_high=1,
        ),
    )
    (item,) = await service.inbox_of(head, 1)
    assert item["title"] == "Loket kekurangan petugas: Loket KTP"
    assert "hadir 1 dari 2" in item["text"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/me/inbox?limit=0", None, "limit"),
        ("GET", "/me/inbox?limit=1001", None, "limit"),
        ("GET", "/me/inbox?cursor=bukan", None, "cursor"),
        ("GET", "/me/inbox?cursor=WyJ4Il0", None, "cursor"),
        ("GET", "/me/inbox?cursor=WzFlOTld", None, "cursor"),
        ("POST", "/me/inbox/bukan-uuid/read", None, "notification_id"),
        ("PUT", "/me/preferences", {"muted_kinds": ["gosip"]}, "muted_kinds.0"),
        ("PUT", "/me/preferences", {"muted_channels": ["fax"]}, "muted_channels.0"),
        ("PUT", "/me/preferences", {"muted_kinds": ["duty.unknown", "report.returned"]}, "muted_kinds.1"),
        ("PUT", "/me/preferences", {"muted": [{"kind": "counter.call", "channel": "inbox"}]}, "muted.0"),
        ("PUT", "/me/preferences", {"muted": [{"kind": "counter.call", "channel": "fax"}]}, "muted.0.channel"),
        ("PUT", "/me/preferences", {"muted": [{"kind": "counter.call"}]}, "muted.0.channel"),
        ("PUT", "/me/preferences", {"language": "jv"}, "language"),
        ("PUT", "/me/preferences", {"warna": "biru"}, "warna"),
        ("PUT", "/me/preferences", None, "body"),
    ],
)
async def test_a_wrong_request_is_answered_with_the_field_to_mend(
    service: Running, method: str, path: str, body: Any, field: str
) -> None:
    answer = await service.client.request(
        method, f"/notifications/v1{path}", json=body, headers=service.headers(uuid4())
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_nobody_reads_without_a_token_of_a_person(service: Running) -> None:
    for path in ("/notifications/v1/me/inbox", "/notifications/v1/me/preferences"):
        assert (await service.client.get(path)).status_code == 401
        assert (await service.client.get(path, headers={"authorization": "Bearer x.y.z"})).status_code == 401
        assert (await service.client.get(path, headers=service.headers(None))).status_code == 403
