"""The search of a batch for the records that cannot be handled: whichever they are, and whatever they raise."""

import datetime as dt
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.batch import Search
from shared.dead_letters import Limit
from shared.events import Received

RECORDS = 500
OF_DATA = [
    kind
    for kind in vars(asyncpg.exceptions).values()
    if isinstance(kind, type)
    and issubclass(kind, asyncpg.PostgresError)
    and str(getattr(kind, "sqlstate", None))[:2] in ("21", "22", "23", "44", "54")
]
"""Every error of PostgreSQL's classes whose reason lies in what was given."""
OF_THE_WORLD = [
    asyncpg.AdminShutdownError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.DeadlockDetectedError,
    asyncpg.DiskFullError,
    asyncpg.LockNotAvailableError,
    asyncpg.OutOfMemoryError,
    asyncpg.SerializationError,
    asyncpg.TooManyConnectionsError,
    asyncpg.UndefinedColumnError,
    ConnectionResetError,
    MemoryError,
    TimeoutError,
]
PARTITIONS = [TopicPartition("schedule.changed.v1", number) for number in range(3)]
TIME = dt.datetime(2025, 11, 6, tzinfo=dt.UTC)


def batch() -> dict[TopicPartition, list[Any]]:
    """RECORDS readable records, numbered by their ids, in three partitions."""
    reads: dict[TopicPartition, list[Any]] = {partition: [] for partition in PARTITIONS}
    for number in range(RECORDS):
        partition = PARTITIONS[number * len(PARTITIONS) // RECORDS]
        event = Received(None, UUID(int=number), partition.topic, "/hadir/scheduling", TIME, "", None)
        record = ConsumerRecord(partition.topic, partition.partition, number, 0, 0, b"", b"", None, 0, 0, ())
        reads[partition].append((event, record))
    return reads


class Handler:
    """Takes what holds no record of `bad`; counts how often it was asked."""

    def __init__(self, bad: dict[int, Exception]) -> None:
        self.bad = {UUID(int=number): error for number, error in bad.items()}
        self.taken: set[int] = set()
        self.calls = 0

    async def __call__(self, events: list[Received]) -> None:
        self.calls += 1
        for event in events:
            if event.id in self.bad:
                raise self.bad[event.id]
        self.taken |= {event.id.int for event in events}


async def settle(handler: Handler) -> list[int]:
    """The numbers of the records that were found bad."""
    search = Search(handler, Limit(in_a_row=100, of_a_thousand=250), {}, blame_bugs=False)
    settled = await search.settle(batch())
    assert not settled.stopped
    return [letter.record.offset for letter in settled.poison]


@pytest.mark.parametrize("kind", [*OF_DATA, ValueError, OverflowError, KeyError, AttributeError])
async def test_one_record_of_five_hundred_is_found_wherever_it_stands(kind: type[Exception]) -> None:
    # A different position for each kind; every position has a kind below.
    position = sum(kind.__name__.encode()) * 7919 % RECORDS
    handler = Handler({position: kind("refused")})
    assert await settle(handler) == [position]
    assert handler.taken == set(range(RECORDS)) - {position}


async def test_it_is_found_at_every_position_in_a_few_tries() -> None:
    for position in range(RECORDS):
        handler = Handler({position: OF_DATA[position % len(OF_DATA)]("refused")})
        assert await settle(handler) == [position]
        assert handler.taken == set(range(RECORDS)) - {position}
        assert handler.calls <= 25  # halving, not one by one


@given(bad=st.sets(st.integers(0, RECORDS - 1), max_size=12), dice=st.randoms())
@settings(max_examples=100, deadline=None)
async def test_several_are_each_found_and_all_others_go_in(bad: set[int], dice: Any) -> None:
    handler = Handler({number: dice.choice(OF_DATA)("refused") for number in bad})
    assert await settle(handler) == sorted(bad)
    assert handler.taken == set(range(RECORDS)) - bad


@pytest.mark.parametrize("kind", OF_THE_WORLD)
@pytest.mark.parametrize("position", [0, 249, RECORDS - 1])
async def test_a_failure_of_the_world_ends_the_search_and_blames_nobody(
    kind: type[Exception], position: int
) -> None:
    bad = {100: OF_DATA[0]("refused"), position: kind("away")}
    with pytest.raises(kind):
        await settle(Handler(bad))
