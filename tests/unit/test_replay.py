"""Dead letters read again: what is taken in is noted, what is refused again waits on, what is gone is said."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from shared import replay, set_aside
from shared.access import Principal
from shared.bus import Bus, Router
from shared.clock import FixedClock
from shared.events import Message, Received, ScheduleChanged, encode
from shared.handling import Declaration, HandlerContext
from shared.log import Log
from shared.set_aside import Chosen, Letter, Place
from shared.settings import Settings
from shared.telemetry import Metrics

EIGHT = dt.datetime(2025, 11, 6, 1, tzinfo=dt.UTC)
TOPIC = ScheduleChanged.topic
WHO = Principal(uuid4(), "ops", None, 0)


def plan() -> Message:
    event = ScheduleChanged.model_validate(
        {
            "employee_id": uuid4(),
            "opd_code": "OPD",
            "unit_id": "unit",
            "work_date": "2025-11-06",
            "revision": 1,
            "mode": "OFF",
        }
    )
    return encode(event, id=uuid4(), time=EIGHT, source="/hadir/scheduling")


def record(offset: int, message: Message) -> "ConsumerRecord[Any, Any]":
    written = round(EIGHT.timestamp() * 1000)
    headers = cast("Any", message.headers)
    return ConsumerRecord(TOPIC, 0, offset, written, 0, message.key, message.value, None, 1, 1, headers)


class FakeLog:
    """One partition with these records; offsets between them are empty."""

    def __init__(self, *records: "ConsumerRecord[Any, Any]") -> None:
        self.records = records

    async def bounds(self, _: TopicPartition) -> tuple[int, int]:
        return 0, 10

    def only(self, offsets: dict[TopicPartition, int]) -> None:
        ((_, self._from),) = offsets.items()

    async def upto(self, _: object) -> "AsyncGenerator[list[ConsumerRecord[Any, Any]]]":
        later = [one for one in self.records if one.offset >= self._from]
        if later:
            yield later


class FakeConnection:
    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.said: list[str] = []
        self.rows = rows or []
        self.fails: Exception | None = None

    async def execute(self, query: str, *_: object) -> str:
        self.said.append(query)
        return "UPDATE 1"

    async def fetch(self, _query: str, *_: object) -> list[dict[str, Any]]:
        if self.fails is not None:
            raise self.fails
        return self.rows


class FakeDatabase:
    def __init__(self, connection: FakeConnection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["FakeDatabase"]:
        yield self

    read = transaction


def context_on(connection: FakeConnection) -> HandlerContext:
    settings = Settings(
        service="attendance",
        database_url="postgresql://unused",
        kafka_bootstrap="unused:1",
        token_public_key_file=Path("unused"),
    )
    return HandlerContext(
        settings, cast("Any", FakeDatabase(connection)), FixedClock(EIGHT), Metrics("attendance")
    )


def letter(offset: int, *, group: str = "attendance.facts", written: dt.datetime = EIGHT) -> Letter:
    return Letter(group, Place(TOPIC, 0, offset), written, EIGHT, "schema")


def opened_on(log: FakeLog) -> replay.Open:
    @asynccontextmanager
    async def opened(_: Collection[str]) -> AsyncGenerator[Log]:
        yield cast("Log", log)

    return opened


def replayed(
    letters: list[Letter], log: FakeLog, connection: FakeConnection, error: Exception | None = None
) -> tuple[replay.Replayed, list[Received]]:
    taken: list[Received] = []

    async def handle(batch: list[Received], _: HandlerContext) -> None:
        if error is not None:
            raise error
        taken.extend(batch)

    declarations = [Declaration((TOPIC,), "attendance.facts", handle)]
    work = replay.replay(declarations, context_on(connection), letters, opened_on(log), who=WHO, reason="uji")
    return asyncio.run(work), taken


def test_what_is_taken_in_is_noted_with_who_wanted_it() -> None:
    connection, message = FakeConnection(), plan()
    outcome, taken = replayed([letter(3)], FakeLog(record(3, message)), connection)
    assert (outcome.done, outcome.refused) == ([letter(3)], {})
    assert [one.key.encode() for one in taken] == [message.key]
    assert ["dead_letter" in connection.said[0], "into audit" in connection.said[1]] == [True, True]


def test_what_is_refused_again_says_why_now_and_nothing_is_noted() -> None:
    connection = FakeConnection()
    outcome, _ = replayed([letter(3)], FakeLog(record(3, plan())), connection, KeyError("x"))
    assert outcome.refused == {letter(3): "handler_KeyError"}
    spoilt = plan()
    unreadable = record(4, Message(TOPIC, spoilt.key, b"{", spoilt.headers))
    outcome, _ = replayed([letter(4)], FakeLog(unreadable), connection)
    assert outcome.refused == {letter(4): "schema"}
    assert connection.said == []


def test_a_record_that_stands_there_no_more_is_gone() -> None:
    log = FakeLog(record(5, plan()))
    letters = [
        letter(3),  # the next one stands behind it
        letter(7),  # nothing does
        letter(11),  # the log ends before it
        letter(5, written=EIGHT - dt.timedelta(days=1)),  # another topic of the same name
    ]
    for one in letters:
        outcome, _ = replayed([one], log, FakeConnection())
        assert outcome.refused == {one: replay.GONE}
    stranger = letter(5, group="attendance.other")
    outcome, _ = replayed([stranger], log, FakeConnection())
    assert outcome.refused == {stranger: replay.GONE}


def test_a_failure_of_the_world_is_no_answer_about_a_record() -> None:
    with pytest.raises(ConnectionRefusedError):
        replayed([letter(3)], FakeLog(record(3, plan())), FakeConnection(), ConnectionRefusedError())


def test_nothing_chosen_is_nothing_done() -> None:
    connection = FakeConnection()
    assert replayed([], FakeLog(), connection)[0] == replay.Replayed([], {})
    assert asyncio.run(replay.drop(context_on(connection), [], who=WHO, reason="uji")) == 0
    assert connection.said == []
    assert asyncio.run(replay.chosen(context_on(connection), Chosen(places=[]))) == []


def test_many_that_are_dropped_are_one_entry_of_the_audit() -> None:
    connection = FakeConnection()
    assert asyncio.run(replay.drop(context_on(connection), [letter(1), letter(2)], who=WHO, reason="uji")) == 1
    assert len(connection.said) == 2


@pytest.mark.parametrize("text", ["", "a.v1", "a.v1/1", "a.v1/x/1", "a.v1/1/x", "a.v1/1/-1", "/1/1", "a.v1/1/1/1"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no place"):
        Place.of(text)


def test_a_place_is_read_as_it_is_written() -> None:
    assert Place.of(str(Place(TOPIC, 2, 1234))) == Place(TOPIC, 2, 1234)


def test_a_database_that_is_away_keeps_the_count_of_dead_letters_as_it_was() -> None:
    connection = FakeConnection([{"of_group": "attendance.facts", "letters": 3}])
    router = Router()

    async def handle(_batch: list[Received], _context: HandlerContext) -> None: ...

    router.batch(TOPIC, group="attendance.facts")(handle)
    context = context_on(connection)
    bus = Bus(context, router, {"bootstrap_servers": "unused:1"})

    def counted() -> float | None:
        asyncio.run(bus._count_dead_letters())  # pyright: ignore[reportPrivateUsage] - what its loop does
        return context.metrics.registry.get_sample_value(
            "hadir_dead_letters_waiting", {"group": "attendance.facts"}
        )

    assert counted() == 3
    connection.fails = ConnectionRefusedError()
    assert counted() == 3
    connection.fails = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        counted()
    empty = Bus(context, None, {"bootstrap_servers": "unused:1"})
    asyncio.run(empty._count_dead_letters())  # pyright: ignore[reportPrivateUsage] - as above


def test_noting_nothing_says_nothing() -> None:
    connection = FakeConnection()
    asyncio.run(set_aside.note(cast("Any", FakeDatabase(connection)), "attendance.facts", []))
    assert connection.said == []
