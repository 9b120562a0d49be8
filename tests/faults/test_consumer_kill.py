"""A consumer killed between its database commit and its acknowledgement changes nothing in the end."""

import random
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared import consumer
from shared.database import Database
from shared.events import Event
from tests.conftest import DatabaseFor
from tests.faults.part import kill, part
from tests.integration.test_bus import Seen, good
from tests.kit.kafka import (
    committed,
    eventually,
    message,
    plan_event,
    probe_topic,
    produce,
    running_bus,
)


async def plans_of(db: Database) -> dict[tuple[Any, ...], tuple[int, UUID]]:
    async with db.read() as tx:
        rows = await tx.connection.fetch("select employee_id, work_date, revision, ce_id from plan_fact")
    return {(row["employee_id"], row["work_date"]): (row["revision"], row["ce_id"]) for row in rows}


def greatest(events: list[tuple[Event, UUID]]) -> dict[tuple[Any, ...], tuple[int, UUID]]:
    """What the law of the projections says that the facts must be, by its own words."""
    kept: dict[tuple[Any, ...], tuple[int, UUID]] = {}
    for event, id in events:
        found: Any = event
        key = (found.employee_id, found.work_date)
        if key not in kept or (found.revision, id.int) > (kept[key][0], kept[key][1].int):
            kept[key] = (found.revision, id)
    return kept


@pytest.mark.parametrize("stalls", ["committed", "overtaken"])
@pytest.mark.fault(11)
@pytest.mark.fault(12)
async def test_a_consumer_killed_between_commit_and_ack_reads_again_and_the_facts_are_the_same(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stalls: str
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    dice = random.Random(20251106)
    people = [uuid4() for _ in range(20)]
    events = [
        (plan_event(topic, dice.choice(people), revision=dice.randrange(4), day=dice.randrange(10)), uuid4())
        for _ in range(500)
    ]
    delivered = [*events, *dice.sample(events, 100)]
    dice.shuffle(delivered)
    await produce(kafka, [message(event, id=id) for event, id in delivered])
    group, reached = f"attendance.test-{uuid4().hex[:8]}", tmp_path / stalls

    async with part("consumer", db.url, kafka, topic.name, group, str(reached)) as first:
        await eventually(reached.exists)
        await kill(first)
    assert await plans_of(db)
    assert await committed(kafka, group, topic) == 0

    async with part("consumer", db.url, kafka, topic.name, group, ""):

        async def all_acknowledged() -> bool:
            return await committed(kafka, group, topic) == len(delivered)

        await eventually(all_acknowledged)
    assert await plans_of(db) == greatest(events)


async def test_what_a_killed_process_was_reading_is_read_by_another(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Within 10 s: the session ends, and at their next heartbeat the others learn of it."""
    assert (consumer.SESSION_TIMEOUT_MS + consumer.HEARTBEAT_MS) / 1000 < 10
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    seen, reached = Seen(topic), tmp_path / "committed"
    async with part("consumer", db.url, kafka, topic.name, seen.group, str(reached)) as doomed:
        await produce(kafka, good(topic, 30)[0])
        await eventually(reached.exists)
        async with running_bus(db, kafka, seen.router):
            await kill(doomed)

            async def all_acknowledged() -> bool:
                return await committed(kafka, seen.group, topic) == 30

            await eventually(all_acknowledged)
