"""Topics by webhook: every event of a topic once and in order at a real receiver, whatever fails between."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from deploy.kafka.access import grants_of
from services.notifications.app import create_app
from services.notifications.tasks import followed
from shared.clock import FixedClock
from shared.events import TOPICS, Topic
from shared.events.structured import BATCH_MEDIA_TYPE
from tests.conftest import DatabaseFor
from tests.kit.delivering import DAY
from tests.kit.kafka import eventually, message, plan_event, probe_topic, produce
from tests.kit.push_service import message_key_file
from tests.kit.receiver import Got, Receiver, always, believed, receiving
from tests.kit.services import OFFICERS, Signer, in_process, settings_for

WHY = {"reason": "uji"}


class Subscriber:
    """A webhook of a running service at a receiver here."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, receiver: Receiver) -> None:
        self.client, self.signer, self.receiver = client, signer, receiver
        self.id, self.secret = str(uuid4()), ""

    async def ask(self, method: str, path: str, role: Any = "bkpsdm", **body: Any) -> httpx.Response:
        headers = self.signer.headers(role, OFFICERS[role]) | {"accept-language": "en"}
        sent = {**body, **WHY} if method != "GET" else None
        path = f"/notifications/v1/subscriptions{path}"
        return await self.client.request(method, path, headers=headers, json=sent)

    async def subscribe(self) -> None:
        url = self.receiver.url("127.0.0.1", "http")
        terms: dict[str, Any] = {
            "address": url,
            "kinds": ["counter.short"],
            "description": "Sistem gaji",
            "way": "webhook",
        }
        answer = await self.ask("POST", "", subscription_id=self.id, **terms)
        assert answer.status_code == 201, answer.text
        self.secret = answer.json()["secret"]

    async def follow(self, *topics: str, from_start: bool = False, role: Any = "bkpsdm") -> httpx.Response:
        return await self.ask("PUT", f"/{self.id}/topics", role, topics=list(topics), from_start=from_start)

    async def state(self) -> list[dict[str, Any]]:
        return (await self.ask("GET", f"/{self.id}/topics")).json()["items"]

    def batches(self) -> list[Got]:
        """What came of topics. Messages may come too: other tests write to shared topics."""
        return [got for got in self.receiver.got if got.headers["Content-Type"] == BATCH_MEDIA_TYPE]

    def said(self) -> list[dict[str, Any]]:
        """What came, whoever it is from."""
        return [event for got in self.batches() for event in json.loads(got.body)]

    def events(self, got: list[Got] | None = None) -> list[dict[str, Any]]:
        """What the receiver took, as the library for JavaScript believes it."""
        taken = self.batches() if got is None else got
        return [event for body in believed(self.secret, taken) for event in body]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause after a failure, small batches, and a look at once."""
    monkeypatch.setattr(followed.random, "random", lambda: 0.0)
    monkeypatch.setattr(followed, "IDLE_S", 0.05)
    monkeypatch.setattr(followed, "LOOK_S", 0.05)
    monkeypatch.setattr(followed, "BATCH", 3)


@pytest_asyncio.fixture
async def topic(kafka: str, monkeypatch: pytest.MonkeyPatch) -> Topic:
    return await probe_topic(monkeypatch, kafka)


@pytest_asyncio.fixture
async def subscriber(
    topic: Topic, kafka: str, database_for: DatabaseFor, tmp_path: Path
) -> AsyncIterator[Subscriber]:
    signer, db = Signer(), await database_for("notifications")
    async with receiving(None) as receiver:
        settings = settings_for(
            "notifications",
            signer,
            tmp_path,
            database_url=db.url,
            kafka=kafka,
            message_key_file=message_key_file(tmp_path),
            webhook_networks=["127.0.0.0/8"],
            webhook_ports=[receiver.port],
            webhook_plain_http=True,
        )
        async with in_process(create_app(settings, FixedClock(DAY))) as client:
            one = Subscriber(client, signer, receiver)
            await one.subscribe()
            yield one


def revisions(events: list[dict[str, Any]], key: UUID) -> list[int]:
    return [event["data"]["revision"] for event in events if event["subject"] == str(key)]


async def test_a_webhook_is_sent_every_event_of_a_topic_once_and_those_of_a_key_in_order(
    subscriber: Subscriber, topic: Topic, kafka: str
) -> None:
    people = [uuid4() for _ in range(4)]
    first = [message(plan_event(topic, person, revision=n)) for n in (1, 2, 3) for person in people]
    await produce(kafka, first)
    assert (await subscriber.follow(topic.name, from_start=True)).status_code == 200
    await eventually(lambda: len(subscriber.said()) >= 12)
    await produce(kafka, [message(plan_event(topic, people[0], revision=4))])
    await eventually(lambda: len(subscriber.said()) >= 13)
    events = subscriber.events()
    assert len({event["id"] for event in events}) == len(events) == 13
    assert [revisions(events, person) for person in people] == [[1, 2, 3, 4], *[[1, 2, 3]] * 3]


async def test_a_batch_that_is_not_taken_is_sent_again_as_it_was_before_anything_else(
    subscriber: Subscriber, topic: Topic, kafka: str
) -> None:
    key = uuid4()
    subscriber.receiver.answer = always(503)
    await subscriber.follow(topic.name)
    await produce(kafka, [message(plan_event(topic, key, revision=n)) for n in (1, 2)])
    await eventually(lambda: len(subscriber.batches()) >= 2)
    [state] = await subscriber.state()
    assert (state["topic"], state["error"]) == (topic.name, "status 503")
    await produce(kafka, [message(plan_event(topic, key, revision=n)) for n in (3, 4, 5, 6)])
    subscriber.receiver.answer = None
    await eventually(lambda: subscriber.batches() and subscriber.said()[-1]["data"]["revision"] == 6)
    ids: dict[str, set[str]] = {}
    for got in subscriber.batches():
        ids.setdefault(got.headers["webhook-id"], set()).add(got.body)
    assert all(len(bodies) == 1 for bodies in ids.values())  # an id is one batch, however often it is sent
    taken = {got.headers["webhook-id"]: got for got in subscriber.batches()}
    assert revisions(subscriber.events(list(taken.values())), key) == [1, 2, 3, 4, 5, 6]


async def test_a_batch_that_was_under_way_when_its_process_died_is_sent_again(
    subscriber: Subscriber, topic: Topic, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "LEASE", followed.dt.timedelta())
    hung, over = asyncio.Event(), asyncio.Event()

    async def hangs(_: web.Request) -> web.StreamResponse:
        if not hung.is_set():
            hung.set()
            await over.wait()
        return web.Response()

    subscriber.receiver.answer = hangs
    await subscriber.follow(topic.name)
    await produce(kafka, [message(plan_event(topic))])
    await hung.wait()  # the first is never answered; its lease is over at once, as that of a dead process
    await eventually(lambda: len(subscriber.batches()) >= 2)
    over.set()
    assert len({(got.headers["webhook-id"], got.body) for got in subscriber.batches()}) == 1


async def test_a_batch_is_sent_again_whole_by_a_release_that_makes_smaller_ones(
    subscriber: Subscriber, topic: Topic, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = uuid4()
    subscriber.receiver.answer = always(503)
    await produce(kafka, [message(plan_event(topic, key, revision=n)) for n in (1, 2, 3)])
    await subscriber.follow(topic.name, from_start=True)
    await eventually(lambda: len(subscriber.batches()) >= 2)
    monkeypatch.setattr(followed, "BATCH", 1)
    before = len(subscriber.batches())
    await eventually(lambda: len(subscriber.batches()) >= before + 2)
    subscriber.receiver.answer = None
    taken = len(subscriber.batches())
    await eventually(lambda: len(subscriber.batches()) > taken)
    assert revisions(subscriber.events(subscriber.batches()[-1:]), key) == [1, 2, 3]


async def test_topics_in_which_nothing_happens_hold_up_no_other(
    subscriber: Subscriber, topic: Topic, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "AT_ONCE", 1)
    busy = await probe_topic(monkeypatch, kafka)
    await subscriber.follow(topic.name)
    await subscriber.follow(topic.name, busy.name)  # later, so it waits behind the quiet one
    event = message(plan_event(busy))
    await produce(kafka, [event])
    await eventually(subscriber.said)
    assert [one["subject"].encode() for one in subscriber.events()] == [event.key]


async def test_a_new_topic_begins_with_the_next_event_and_one_that_is_left_out_ends(
    subscriber: Subscriber, topic: Topic, kafka: str
) -> None:
    old, new, late = (message(plan_event(topic)) for _ in range(3))
    await produce(kafka, [old])
    await subscriber.follow(topic.name)
    await produce(kafka, [new])
    await eventually(subscriber.batches)
    assert (await subscriber.follow()).json()["items"] == []
    await produce(kafka, [late])
    await subscriber.follow(topic.name)
    last = message(plan_event(topic))
    await produce(kafka, [last])
    await eventually(lambda: len(subscriber.said()) >= 2)
    assert [event["subject"].encode() for event in subscriber.events()] == [new.key, last.key]


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        ("directory.employee.v1", "bkpsdm", "cannot be followed"),
        ("no.topic.v1", "bkpsdm", "cannot be followed"),
        ("attendance.recorded.v1", "ops", "employees' ids"),
    ],
)
async def test_what_an_officer_may_not_have_sent_is_refused_by_its_place(
    subscriber: Subscriber, name: str, role: str, said: str
) -> None:
    answer = await subscriber.follow("coverage.changed.v1", name, role=role)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], said in error["message"]) == ("topics.1", True)
    assert await subscriber.state() == []


def test_notifications_may_read_the_topics_that_can_be_followed_and_not_the_directory_for_it() -> None:
    readable = {grant.name for grant in grants_of("notifications") if grant.operation == "read"}
    assert {name for name, topic in TOPICS.items() if topic.audience != "restricted"} <= readable
