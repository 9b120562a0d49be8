"""The feed over HTTP: every event once, whoever commits late, for those whose audience they are in."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.scheduling.app import create_app
from shared.access import ROLES
from shared.events import TOPICS, Topic, encode, source_of
from shared.events.base import Audience
from shared.feed import Position
from tests.conftest import DatabaseFor
from tests.integration.test_bus_lag import Foreign
from tests.kit.kafka import message, plan_event, probe_topic, produce
from tests.kit.services import NOBODY, Signer, in_process, settings_for

TRACE = f"00-{'1' * 32}-{'2' * 16}-01"
READ_BY = {
    "public": set(ROLES),
    "internal": {"bkpsdm", "auditor"},
    "restricted": {"bkpsdm"},
}


@dataclass(frozen=True)
class Feed:
    """Scheduling's door to the feed of one topic, asked by BKPSDM."""

    client: httpx.AsyncClient
    signer: Signer
    topic: Topic

    async def ask(self, cursor: str | None = None, *, role: Any = "bkpsdm", **query: int) -> httpx.Response:
        asked = {**query, **({} if cursor is None else {"cursor": cursor})}
        path = f"/scheduling/v1/feed/{self.topic.name}"
        return await self.client.get(
            path, params=asked, headers=self.signer.headers(role, uuid4()) | {"accept-language": "en"}
        )

    async def page(self, cursor: str | None = None, **query: int) -> tuple[list[dict[str, Any]], str]:
        answer = await self.ask(cursor, **query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body["items"], body["next"]

    async def all_of(self, *, limit: int) -> list[dict[str, Any]]:
        found, cursor = list[dict[str, Any]](), None
        while True:
            items, cursor = await self.page(cursor, limit=limit)
            if not items:
                return found
            assert len(items) <= limit
            found += items


async def started(
    topic: Topic, kafka: str, database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> AsyncIterator[Feed]:
    signer, db = Signer(), await database_for("scheduling")
    settings = settings_for("scheduling", signer, folder, database_url=db.url, kafka=kafka)
    async with in_process(create_app(settings)) as client:
        yield Feed(client, signer, topic)


@pytest_asyncio.fixture
async def feed(
    kafka: str, database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Feed]:
    topic = await probe_topic(monkeypatch, kafka)
    async for one in started(topic, kafka, database_for, monkeypatch, tmp_path):
        yield one


def ids(items: list[dict[str, Any]]) -> list[UUID]:
    return [UUID(item["id"]) for item in items]


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["field"] == "cursor"
    return error["message"]


async def test_page_by_page_each_event_comes_once_and_those_of_a_key_in_order(feed: Feed, kafka: str) -> None:
    people = [uuid4() for _ in range(7)]
    plans = [plan_event(feed.topic, person, revision=n) for n in range(1, 6) for person in people]
    await produce(kafka, [message(plan) for plan in plans])
    items = await feed.all_of(limit=4)
    assert len(set(ids(items))) == len(items) == len(plans)
    for person in people:
        of_one = [item["data"]["revision"] for item in items if item["subject"] == str(person)]
        assert of_one == [1, 2, 3, 4, 5]


async def test_what_is_committed_late_is_passed_over_by_no_cursor(
    kafka: str, database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    key = uuid4()
    late, early = (message(plan_event(topic, key, revision=n)) for n in (1, 2))
    foreign = await asyncio.to_thread(Foreign, kafka)
    await asyncio.to_thread(foreign.begin, [late])
    await produce(kafka, [early])  # behind it in the one partition
    async for feed in started(topic, kafka, database_for, monkeypatch, tmp_path):
        items, cursor = await feed.page()
        assert items == []
        await asyncio.to_thread(foreign.end, commit=True)
        items, cursor = await feed.page(cursor, wait=20)
        more, _ = await feed.page(cursor)
        assert [item["data"]["revision"] for item in items + more] == [1, 2]


async def test_a_reader_who_waits_hears_of_an_event_when_it_comes(feed: Feed, kafka: str) -> None:
    _, cursor = await feed.page()
    waiting = asyncio.create_task(feed.page(cursor, wait=20))
    one = message(plan_event(feed.topic))
    await produce(kafka, [one])
    items, _ = await waiting
    assert [item["subject"].encode() for item in items] == [one.key]


async def test_an_event_is_a_cloudevent_with_its_value_as_it_was_written(feed: Feed, kafka: str) -> None:
    id, at = uuid4(), dt.datetime(2025, 11, 6, 3, 10, tzinfo=dt.UTC)
    plan = plan_event(feed.topic)
    written = encode(plan, id=id, time=at, source=source_of("scheduling"), traceparent=TRACE)
    await produce(kafka, [written])
    [item], _ = await feed.page()
    assert item == {
        "specversion": "1.0",
        "id": str(id),
        "source": "/hadir/scheduling",
        "type": feed.topic.event.topic,
        "subject": plan.key,
        "time": at.isoformat(),
        "dataschema": f"urn:hadir:schema:{feed.topic.name}",
        "traceparent": TRACE,
        "datacontenttype": "application/json",
        "data": json.loads(written.value or b""),
    }


async def test_an_erasure_is_an_event_without_data(
    kafka: str, database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    monkeypatch.setattr(topic.event, "tombstones", True)
    person = uuid4()
    told = {"topic": topic.name, "key": str(person), "source": source_of("scheduling")}
    gone = encode(None, id=uuid4(), time=dt.datetime.now(dt.UTC), **told)
    await produce(kafka, [message(plan_event(topic, person)), gone])
    async for feed in started(topic, kafka, database_for, monkeypatch, tmp_path):
        (told, erased), _ = await feed.page()
        assert told["data"]["employee_id"] == str(person)
        assert (erased["subject"], "data" in erased) == (str(person), False)


async def test_what_no_reader_takes_is_not_in_the_feed_and_does_not_stop_it(feed: Feed, kafka: str) -> None:
    good, of_others, broken = (message(plan_event(feed.topic)) for _ in range(3))
    forged = replace(
        of_others,
        headers=[(name, b"/somebody" if name == "ce_source" else value) for name, value in of_others.headers],
    )
    await produce(kafka, [forged, replace(broken, value=b"{"), good])
    items = await feed.all_of(limit=1000)
    assert [item["subject"].encode() for item in items] == [good.key]


@pytest.mark.parametrize("audience", ["public", "internal", "restricted"])
async def test_a_topic_is_read_by_its_audience_and_by_nobody_else(
    audience: Audience,
    kafka: str,
    database_for: DatabaseFor,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    monkeypatch.setattr(topic.event, "audience", audience)
    async for feed in started(topic, kafka, database_for, monkeypatch, tmp_path):
        answers = {role: (await feed.ask(role=role)).status_code for role in ROLES}
        assert answers == {role: 200 if role in READ_BY[audience] else 403 for role in ROLES}
        assert (await feed.client.get(f"/scheduling/v1/feed/{topic.name}")).status_code == 401


async def test_a_cursor_of_another_topic_of_a_made_up_place_or_of_what_is_gone_is_refused_by_name(
    feed: Feed, kafka: str
) -> None:
    await produce(kafka, [message(plan_event(feed.topic, revision=n)) for n in range(1, 30)])
    _, cursor = await feed.page(limit=1)
    assert "of the topic schedule.changed.v1" in refused(
        await feed.ask(Position("schedule.changed.v1", (0, 0, 0)).written())
    )
    assert "beyond the topic's end" in refused(await feed.ask(Position(feed.topic.name, (0, 0, 99)).written()))
    assert "ursor" in refused(await feed.ask(cursor[:-1]))
    assert "ursor" in refused(await feed.ask(Position(feed.topic.name, (0, 0)).written()))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        whole = RecordsToDelete(before_offset=-1)
        await admin.delete_records({TopicPartition(feed.topic.name, number): whole for number in range(3)})
    finally:
        await admin.close()
    assert "no longer kept" in refused(await feed.ask(cursor))
    assert await feed.all_of(limit=10) == []


async def test_a_topic_of_another_service_is_not_here_and_the_answer_names_those_that_are(feed: Feed) -> None:
    answer = await feed.client.get(
        "/scheduling/v1/feed/attendance.recorded.v1", headers=feed.signer.headers("bkpsdm", uuid4())
    )
    assert answer.status_code == 404
    assert "schedule.changed.v1" in answer.json()["detail"]


async def test_while_kafka_is_away_the_feed_says_so_and_is_asked_again_later(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async for feed in started(TOPICS["schedule.changed.v1"], NOBODY, database_for, monkeypatch, tmp_path):
        answer = await feed.ask()
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
