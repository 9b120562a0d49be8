"""Heartbeats of compacted topics: one record for each partition, which no reader takes for an event."""

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiokafka.partitioner import DefaultPartitioner

from services.scheduling import tasks
from shared import heartbeat, outbox
from shared.events import HEARTBEAT, TOPICS, UnknownType, decode
from shared.outbox import Outgoing

NOW = dt.datetime(2025, 11, 6, 7, 30, tzinfo=dt.UTC)
DIRECTORY = TOPICS["directory.employee.v1"]


@pytest.mark.parametrize("partitions", [1, 2, 6, 12])
def test_the_keys_fall_on_each_partition_once_and_are_nobodys(partitions: int) -> None:
    keys = heartbeat.keys(partitions)
    numbers = list(range(partitions))
    assert [DefaultPartitioner()(key.encode(), numbers, numbers) for key in keys] == numbers
    assert keys == heartbeat.keys(partitions)
    assert {UUID(key).version for key in keys} == {5}, "an employee_id is a random one"


def test_only_topics_whose_tombstones_erase_have_heartbeats() -> None:
    assert heartbeat.compacted("scheduling") == [DIRECTORY]
    assert heartbeat.compacted("reporting") == []


async def test_the_timer_publishes_one_for_each_partition_as_a_record_that_no_reader_takes_for_an_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[tuple[Any, ...]] = []

    class Transaction:
        async def __aenter__(self) -> Any:
            async def execute(_: str, *columns: Any) -> None:
                rows.extend(zip(*columns, strict=True))

            return SimpleNamespace(connection=SimpleNamespace(execute=execute))

        async def __aexit__(self, *_: object) -> None:
            beaten.set()

    beaten = asyncio.Event()
    service: Any = SimpleNamespace(
        settings=SimpleNamespace(service="scheduling"),
        clock=SimpleNamespace(now=lambda: NOW),
        db=SimpleNamespace(transaction=Transaction),
    )
    monkeypatch.setattr(tasks, "BEAT_S", 0)
    beating = asyncio.create_task(tasks.beat(service))
    await asyncio.wait_for(beaten.wait(), 30)
    beating.cancel()
    first = rows[: DIRECTORY.partitions]
    assert [key.decode() for _, key, _, _ in first] == heartbeat.keys(DIRECTORY.partitions)
    for topic, key, value, headers in first:
        assert (topic, value) == (DIRECTORY.name, None)
        written = [(name, text.encode()) for name, text in outbox.json.loads(headers).items()]
        with pytest.raises(UnknownType, match=HEARTBEAT):
            decode(topic, key, value, written)


def test_what_has_a_type_of_its_own_is_said_of_a_heartbeat_alone() -> None:
    assert {one.type for one in heartbeat.of(DIRECTORY, NOW)} == {HEARTBEAT}
    assert Outgoing(None, UUID(int=1), NOW, topic=DIRECTORY.name, key="k").type is None
