"""A played day, looked at by those who watch the system, and by those who read its topics.

A small city on a real Kafka and a real Prometheus. Of the dashboard no query stays empty; no alert asks for what
nobody tells, and none fires; and no record tells its readers more of a person than they may know.
"""

import asyncio
import re
import time
from collections.abc import Generator
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer

from demo.city import TODAY, build
from shared.clock import clock_for
from shared.events import TOPICS
from tests.architecture.test_observability import WORDS, alerts, panels, rules
from tests.e2e.test_working_day import STAFF, play
from tests.integration.test_local_system import up
from tests.kit.backing import temporary_state
from tests.kit.personal_data import People, directory, of_audience, told_in
from tests.kit.personal_matters import WRITTEN, asked, decided, who_may_ask
from tests.kit.prometheus import Prometheus, prometheus
from tests.kit.soon_short import opens_soon

pytestmark = pytest.mark.long

PATIENCE_S = 120
TRULY_SHORT = {"CountersBurn"}
"""So small a city leaves counters short until their error budgets burn: that is told, and rightly."""

OF_WAITING = {"RecordsWait", "ConsumerFallsBehind", "FiguresBehind", "OutboxStuck"}
"""They tell of what is not taken in yet: judged when all is."""

WAITING = (
    "hadir_consumer_lag_records",
    "hadir_consumer_lag_seconds",
    "hadir_steps_age_seconds",
    "hadir_outbox_age_seconds",
)
"""What they ask for."""

OF_SPEED = {"CheckInsSlow", "EventsLate", "BoardBurnsFast", "ChannelBurnsFast", "BudgetBurns"}
"""They count who was slow. The day is played as fast as the machine can: how slow it then is says nothing."""


@dataclass(frozen=True)
class Played:
    client: dict[str, str]
    """Of Kafka."""
    watching: Prometheus

    def people(self) -> People:
        people = asyncio.run(directory(self.client))
        people.written |= WRITTEN
        return people


@pytest.fixture(scope="module")
def played() -> Generator[Played]:
    with (
        temporary_state() as state,
        up(state) as system,
        prometheus(system.http, state.root.parent / "prometheus") as watching,
    ):
        done = play(state, "--staff", STAFF)
        assert done.returncode == 0, done.stderr[-6000:]
        city = build(int(STAFF))
        decided(system.http, state.private_key, city, TODAY)
        asked(system.http, state.private_key, who_may_ask(city, [TODAY])[0], TODAY)
        opens_soon(system.http, state.private_key, city, clock_for(state.root, None).now())
        yield Played({"bootstrap_servers": system.kafka}, watching)


def test_no_query_of_the_dashboard_stays_empty(played: Played) -> None:
    asked_for = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    assert asked_for
    assert [(title, expr) for title, expr in asked_for if not played.watching.values(expr)] == []


def test_no_alert_asks_for_what_nobody_tells_and_each_is_evaluated_without_an_error(played: Played) -> None:
    known = {*played.watching.ask("metadata"), *played.watching.ask("label/__name__/values")}
    known |= {f"{name}_{part}" for name in known for part in ("total", "bucket", "sum", "count")}
    for rule in rules():
        played.watching.ask("query", query=rule["expr"])
        outside_strings = re.sub(r'"[^"]*"', "", rule["expr"])
        assert set(WORDS.findall(outside_strings)) - known == set(), rule
    groups = played.watching.ask("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}


def standing(played: Played) -> set[str]:
    """The alerts that would fire if it stayed as it is now."""
    return {rule["alert"] for rule in alerts() if played.watching.ask("query", query=rule["expr"])["result"]}


def test_a_day_without_faults_wakes_nobody(played: Played) -> None:
    """None fired; and as the day is shorter than the time of some, at its end nothing is so either that would."""
    fired = {one["alertname"] for one in played.watching.series('ALERTS{alertstate="firing"}')}
    not_judged = TRULY_SHORT | OF_WAITING | OF_SPEED
    assert fired | standing(played) <= not_judged
    assert {rule["alert"] for rule in alerts()} > not_judged


def test_after_the_day_all_is_taken_in_and_no_alert_says_that_something_waits(played: Played) -> None:
    until_s = time.monotonic() + PATIENCE_S
    for name in WAITING:
        assert [rule["alert"] for rule in alerts() if rule["alert"] in OF_WAITING and name in rule["expr"]], name
        while not played.watching.ask("query", query=f"max({name}) == 0")["result"]:
            assert time.monotonic() < until_s, name
            time.sleep(0.2)
    assert standing(played) & OF_WAITING == set()


def test_a_latency_has_a_trace_for_an_example(played: Played) -> None:
    found = played.watching.ask(
        "query_exemplars",
        query="hadir_http_request_seconds_bucket",
        start=played.watching.since_s,
        end=time.time(),
    )
    assert any("trace_id" in one["labels"] for series in found for one in series["exemplars"])


def test_every_public_topic_has_records_and_none_tells_of_a_person(played: Played) -> None:
    people, topics = played.people(), of_audience("public")
    assert len(people.ids) == int(STAFF)
    until_s = time.monotonic() + PATIENCE_S
    while True:
        counts, told = asyncio.run(told_in(played.client, topics, people))
        assert told == {}
        silent = {topic for topic in topics if topic in TOPICS and not counts[topic]}
        if not silent:
            break
        assert time.monotonic() < until_s, silent


def test_the_other_topics_know_people_by_their_ids_and_the_directory_by_its_entry(played: Played) -> None:
    counts, told = asyncio.run(told_in(played.client, of_audience("internal", "restricted"), played.people()))
    assert told == {}
    assert sum(counts.values()) > int(STAFF) * 10


def test_the_same_look_would_find_people_if_records_told_of_them(played: Played) -> None:
    """A record as a careless service would write it, set aside where the dead letters of a public topic lie."""
    people = played.people()
    topic = TOPICS["outage.declared.v1"].dead_letters
    name = " ".join(min(next(iter(people.names.values()))))

    async def plant() -> None:
        producer = AIOKafkaProducer(**played.client)
        await producer.start()
        try:
            await producer.send_and_wait(topic, f'{{"reason":"{name} sakit"}}'.encode(), key=b"x")
        finally:
            await producer.stop()

    asyncio.run(plant())
    _, told = asyncio.run(told_in(played.client, [topic], people))
    assert told[topic] >= {f"name: {name}", "health: sakit"}
