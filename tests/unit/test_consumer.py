"""The recipe of a consumer, over a log in memory: what is acknowledged, in which order, and what is read again."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiokafka.errors import CommitFailedError

from shared import consumer as recipe
from shared.consumer import BUG_AFTER_ATTEMPTS, pause_s
from tests.kit.kafka import eventually
from tests.kit.member import (
    FIRST,
    SECOND,
    Member,
    good,
    heartbeat,
    of_a_later_version,
    record,
    unreadable,
)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "MAX_PAUSE_S", 0.01)


# In flight


async def test_batches_end_in_any_order_and_are_acknowledged_in_the_order_of_reading() -> None:
    async with Member(good(60)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        member.end(20)
        member.end(10)
        await member.turns()
        assert len(member.went_in) == 20
        assert member.kafka.commits == [], "the first one is not in: all would be read again"
        member.end(0)
        await member.settles(30)
        assert member.kafka.commits == [{FIRST: 30}], "what was ready waits for one commit"
        await eventually(lambda: set(member.doors) == {30, 40, 50})


async def test_no_more_is_read_than_can_be_in_flight_and_one_beyond() -> None:
    async with Member(good(100)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        await member.turns()
        assert member.offered == 4
        assert set(member.doors) == {0, 10, 20}
        member.end(0)
        await eventually(lambda: 30 in member.doors)
        await member.turns()
        assert member.offered == 5


@pytest.mark.parametrize(("pool", "at_once"), [(2, 1), (4, 2), (10, 3)])
async def test_batches_in_flight_leave_half_of_the_connections_to_all_else(pool: int, at_once: int) -> None:
    async with Member(good(100), database_pool_size=pool).reading() as member:
        await eventually(lambda: len(member.doors) == at_once)
        await member.turns()
        assert len(member.doors) == at_once


# Failures of the world


@pytest.mark.parametrize("which", [0, 10, 20])
async def test_all_from_a_failed_batch_on_is_read_again_and_nothing_before_it(which: int) -> None:
    async with Member(good(60)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        member.end(which, ConnectionError("the database is away"))
        for other in {0, 10, 20} - {which}:
            member.end(other)
        await eventually(lambda: which in member.doors)
        assert member.kafka.committed() == which
        assert member.set_aside == []
        assert member.told("hadir_handler_failures_total", error="ConnectionError") == 1
        for first in range(which, 60, 10):
            await eventually(lambda first=first: first in member.doors)
            member.end(first)
        await member.settles(60)


async def test_a_batch_that_fails_waits_for_those_under_way_before_any_is_read_again() -> None:
    async with Member(good(60)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        member.end(0, ConnectionError())
        await member.turns()
        assert set(member.doors) == {10, 20}
        assert member.kafka.positions[FIRST] == 40, "else a batch would be written twice at the same time"
        member.end(10)
        member.end(20)
        await eventually(lambda: set(member.doors) == {0, 10, 20})


async def test_what_an_acknowledgement_refused_is_read_again() -> None:
    member = Member(good(30), handler=lambda _: None)
    member.kafka.refusals = [CommitFailedError("rebalanced")]
    async with member.reading():
        await member.settles(30)
    assert sorted(set(member.went_in)) == list(range(30))
    assert len(member.went_in) > 30
    assert member.told("hadir_handler_failures_total", error="CommitFailedError") == 1


async def test_a_consumer_tells_since_when_it_fails_until_a_batch_is_acknowledged() -> None:
    async with Member(good(10)).reading() as member:
        for _ in range(3):
            await eventually(lambda: 0 in member.doors)
            member.end(0, ConnectionError("the database is away"))
            await member.turns()
        assert member.consumer.failure == "ConnectionError: the database is away"
        first = member.consumer.failing_since
        assert first is not None
        await eventually(lambda: 0 in member.doors)
        assert member.consumer.failing_since == first
        member.end(0)
        await member.settles(10)
        assert member.consumer.failing_since is None


async def test_what_cannot_be_decoded_because_of_the_world_is_blamed_on_no_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member = Member(good(10), handler=lambda _: None)
    read, failures = recipe.batches.read, [OSError("no memory for a thread")]

    def failing_once(*given: Any) -> Any:
        if failures:
            raise failures.pop()
        return read(*given)

    monkeypatch.setattr(recipe.batches, "read", failing_once)
    async with member.reading():
        await member.settles(10)
    assert member.went_in == list(range(10))
    assert member.set_aside == []


def test_pauses_double_up_to_the_longest_and_never_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "MAX_PAUSE_S", 30.0)
    assert [pause_s(times) for times in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pause_s(10**9) == 30


# Records that cannot be read or handled


async def test_what_cannot_be_read_is_set_aside_only_after_all_that_was_read_before() -> None:
    log = good(30)
    log[13] = unreadable(13)
    async with Member(log).reading() as member:
        await eventually(lambda: set(member.doors) == {0, 20})
        member.end(20)
        await member.turns()
        assert (member.set_aside, member.kafka.commits) == ([], [])
        member.end(0)
        await eventually(lambda: 10 in member.doors)
        member.end(10)
        await member.settles(30)
    assert [(letter.record.offset, letter.reason) for letter in member.set_aside] == [(13, "missing_header")]
    assert sorted(member.went_in) == [n for n in range(30) if n != 13]


async def test_a_search_cut_short_by_a_failure_ahead_of_it_sets_nothing_aside_twice() -> None:
    log = good(20)
    log[13] = unreadable(13)
    async with Member(log).reading() as member:
        await eventually(lambda: 0 in member.doors)
        await member.turns()
        member.end(0, ConnectionError())
        await eventually(lambda: 0 in member.doors)
        assert member.set_aside == []
        member.end(0)
        await eventually(lambda: 10 in member.doors)
        member.end(10)
        await member.settles(20)
    assert [letter.record.offset for letter in member.set_aside] == [13]


async def test_a_type_of_a_later_version_is_passed_over_and_counted() -> None:
    log = good(10)
    log[4] = of_a_later_version(4)
    member = Member(log, handler=lambda _: None)
    async with member.reading():
        await member.settles(10)
    assert member.went_in == [n for n in range(10) if n != 4]
    assert member.set_aside == []
    assert member.told("hadir_events_skipped_total", reason="unknown_type") == 1


async def test_a_heartbeat_is_passed_over_and_told_apart_from_a_newer_producer() -> None:
    log = good(10)
    log[4] = heartbeat(4)
    member = Member(log, handler=lambda _: None)
    async with member.reading():
        await member.settles(10)
    assert member.went_in == [n for n in range(10) if n != 4]
    assert member.set_aside == []
    assert member.told("hadir_events_skipped_total", reason="heartbeat") == 1
    assert member.told("hadir_events_skipped_total", reason="unknown_type") == 0


async def test_those_that_cannot_be_handled_are_found_among_batches_in_flight() -> None:
    bad = {UUID(int=n) for n in (3, 17, 18, 40)}

    def refuse(ids: list[UUID]) -> None:
        if bad.intersection(ids):
            raise ValueError("refused")

    member = Member(good(50), handler=refuse)
    async with member.reading():
        await member.settles(50)
    assert [letter.record.offset for letter in member.set_aside] == [3, 17, 18, 40]
    assert {letter.reason for letter in member.set_aside} == {"handler_ValueError"}
    assert sorted(set(member.went_in)) == [n for n in range(50) if UUID(int=n) not in bad]


async def test_a_bug_that_every_record_meets_is_blamed_on_them_only_after_several_attempts() -> None:
    def broken(_: list[UUID]) -> None:
        raise AttributeError("None has no attribute")

    member = Member(good(10), handler=broken)
    async with member.reading():
        await member.settles(10)
    assert member.told("hadir_handler_failures_total", error="AttributeError") == BUG_AFTER_ATTEMPTS
    assert [letter.reason for letter in member.set_aside] == ["handler_AttributeError"] * 10


async def test_a_partition_at_its_limit_is_left_where_it_is_and_the_others_go_on() -> None:
    broken = [unreadable(offset) for offset in range(20)]
    member = Member(broken, more=good(50, SECOND), handler=lambda _: None, dead_letter_limit=5)
    async with member.reading():
        await member.settles(50, SECOND)
        await eventually(lambda: FIRST in member.consumer.stopped)
        assert "HADIR_DEAD_LETTER_LIMIT" in member.consumer.stopped[FIRST]
        assert member.kafka.committed(FIRST) == 0
        assert member.set_aside == [], "not one of them, or each look would set them aside again"
        assert member.told("hadir_consumer_stopped_partitions") == 1
        member.kafka.log[FIRST][:] = good(20)  # as if a version were deployed that reads them
        await member.settles(20, FIRST)
        assert member.consumer.stopped == {}
        assert member.told("hadir_consumer_stopped_partitions") == 0


@pytest.mark.parametrize("order", [(20, 0), (0, 20)])
async def test_batches_behind_a_partition_s_limit_acknowledge_nothing_of_it(order: tuple[int, int]) -> None:
    log = good(30)
    log[10:20] = [unreadable(offset) for offset in range(10, 20)]
    async with Member(log, dead_letter_limit=5).reading() as member:
        await eventually(lambda: set(member.doors) == {0, 20})
        for first in order:
            member.end(first)
            await member.turns()
        await eventually(lambda: FIRST in member.consumer.stopped)
        await member.turns()
        assert member.kafka.committed() == 10


# Giving up and ending


async def test_partitions_are_given_up_when_all_in_hand_is_acknowledged() -> None:
    async with Member(good(60)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        revoked = asyncio.create_task(member.how["listener"].on_partitions_revoked([FIRST]))
        await member.turns()
        assert not revoked.done()
        for first in (0, 10, 20):
            member.end(first)
        await revoked
        assert member.kafka.committed() == 30
        assert member.told("hadir_rebalances_total") == 1


async def test_what_was_read_beyond_is_let_go_when_partitions_are_given_up() -> None:
    async with Member(good(40)).reading() as member:
        await eventually(lambda: len(member.doors) == 3 and member.offered == 4)
        revoked = asyncio.create_task(member.how["listener"].on_partitions_revoked([FIRST]))
        await member.turns()
        for first in (0, 10, 20):
            member.end(first)
        await revoked
        await member.turns()
        assert (member.doors, member.kafka.committed()) == ({}, 30)


async def test_nothing_new_begins_while_partitions_are_given_up() -> None:
    async with Member(good(90)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        revoked = asyncio.create_task(member.how["listener"].on_partitions_revoked([FIRST]))
        await member.turns()
        member.end(0)
        await member.turns()
        assert member.kafka.committed() == 10
        assert set(member.doors) == {10, 20}, "else a busy topic would never be given up"
        member.end(10)
        member.end(20)
        await revoked


async def test_a_batch_that_takes_too_long_does_not_keep_the_group_waiting() -> None:
    async with Member(good(10)).reading() as member:
        await eventually(lambda: 0 in member.doors)
        await member.consumer.give_up(within_s=0.01)
        assert (member.kafka.commits, 0 in member.doors) == ([], True)


async def test_nothing_is_acknowledged_of_a_partition_that_was_taken_away() -> None:
    async with Member(good(5), more=good(5, SECOND)).reading() as member:
        await eventually(lambda: 0 in member.doors)
        member.kafka.mine.discard(FIRST)
        member.end(0)
        await member.settles(5, SECOND)
        assert member.kafka.committed(FIRST) == 0


async def test_closing_waits_for_what_is_in_hand_and_takes_nothing_more_in() -> None:
    async with Member(good(60)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        closing = asyncio.create_task(member.consumer.close(within_s=60))
        await member.turns()
        assert not closing.done()
        for first in (0, 10, 20):
            member.end(first)
        await closing
        assert (member.doors, member.kafka.committed()) == ({}, 30)


async def test_closing_ends_when_its_time_is_up_and_leaves_the_rest_to_be_read_again() -> None:
    async with Member(good(60)).reading() as member:
        await eventually(lambda: len(member.doors) == 3)
        member.end(0)
        await member.settles(10)
        held = list(member.doors.values())
        await member.consumer.close(within_s=0.01)
        assert all(door.cancelled() for door in held), "else it would still write when the database is closed"
        assert member.kafka.committed() == 10


async def test_closing_cuts_the_pause_after_a_failure_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "pause_s", _a_week)
    others = asyncio.all_tasks()
    async with Member(good(10)).reading() as member:
        await eventually(lambda: 0 in member.doors)
        member.end(0, ConnectionError())
        await eventually(lambda: member.consumer.failing_since is not None)
        await member.consumer.close(within_s=60)
        await member.turns()
        assert asyncio.all_tasks() == others, "a week's sleep is left behind"
        assert member.kafka.commits == []


def _a_week(_: int) -> float:
    return 7 * 86_400


# What machines look at


class Wall:
    """Python's `time`, on hands that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.time, self.time_ns, self.perf_counter = time.time, time.time_ns, time.perf_counter

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    monkeypatch.setattr(recipe, "time", wall)
    return wall


async def test_lag_counts_what_is_read_and_not_acknowledged_and_not_what_nobody_may_read() -> None:
    member = Member(good(30))
    member.kafka.highwaters[FIRST], member.kafka.stable[FIRST] = 45, 40
    async with member.reading():
        await eventually(lambda: len(member.doors) == 3)
        await member.consumer.sample()
        assert member.told("hadir_consumer_lag_records", FIRST) == 40
        assert member.told("hadir_consumer_held_records", FIRST) == 5
        member.end(0)
        await member.settles(10)
        await member.consumer.sample()
        assert member.told("hadir_consumer_lag_records", FIRST) == 30


async def test_a_partition_that_another_member_reads_now_is_told_of_no_more() -> None:
    member = Member(good(10), more=good(10, SECOND), handler=lambda _: None)
    async with member.reading():
        await member.settles(10, SECOND)
        await member.consumer.sample()
        assert member.told("hadir_consumer_lag_records", SECOND) == 0
        member.kafka.mine.discard(SECOND)
        await member.consumer.sample()
        assert member.told("hadir_consumer_lag_records", SECOND) is None
        assert member.told("hadir_consumer_lag_records", FIRST) == 0


async def test_a_consumer_is_stuck_that_has_something_to_read_and_has_not_moved_for_two_minutes(
    wall: Wall,
) -> None:
    async with Member(good(10)).reading() as member:
        await eventually(lambda: 0 in member.doors)
        await member.consumer.sample()
        for _ in range(4):
            assert not member.consumer.stuck
            wall.now += 31
            await member.consumer.sample()
        assert member.consumer.stuck
        member.end(0)
        await member.settles(10)
        assert not member.consumer.stuck


async def test_a_consumer_with_nothing_to_read_is_not_stuck_however_long_it_waits(wall: Wall) -> None:
    member = Member(good(10), handler=lambda _: None)
    async with member.reading():
        await member.settles(10)
        for _ in range(10):
            wall.now += 60
            await member.consumer.sample()
            assert not member.consumer.stuck


async def test_a_client_that_stopped_fetching_is_found_out_by_what_the_broker_holds(wall: Wall) -> None:
    member = Member(good(10), handler=lambda _: None)
    async with member.reading():
        await member.settles(10)
        member.kafka.ends = {FIRST: 90}  # the client itself has heard of ten
        for _ in range(5):
            wall.now += 60
            await member.consumer.sample()
        assert member.consumer.stuck
        assert member.told("hadir_consumer_lag_records", FIRST) == 80


async def test_a_broker_that_does_not_answer_is_no_reason_to_restart(wall: Wall) -> None:
    async with Member(good(10)).reading() as member:
        await eventually(lambda: 0 in member.doors)
        member.kafka.ends = ConnectionError("no broker")
        for _ in range(5):
            wall.now += 60
            await member.consumer.sample()
            assert not member.consumer.stuck


async def test_partitions_at_their_limit_are_told_of_and_are_not_stuck(wall: Wall) -> None:
    member = Member([unreadable(offset) for offset in range(20)], dead_letter_limit=5)
    async with member.reading():
        await eventually(lambda: FIRST in member.consumer.stopped)
        for _ in range(5):
            wall.now += 60
            await member.consumer.sample()
            assert not member.consumer.stuck


async def test_headers_that_faststream_raises_at_are_kept_from_it_and_not_from_the_decoder() -> None:
    member = Member([])
    given = [record(0, headers=[("ce_id", None), ("x", b"\xff")])]
    seen: list[Any] = []

    async def faststreams_own(records: Any) -> Any:
        seen.extend(records)
        return SimpleNamespace(raw_message=records)

    message = await member.how["parser"](given, faststreams_own)
    assert [one.headers for one in seen] == [()]
    assert message.raw_message == given
    assert await member.how["decoder"](message) == []


# What was deleted before it was read
