"""Command, outbox, relay, topic, consumer and rebuild as a model that Hypothesis drives, with crashes everywhere.

The model's steps are those of shared/outbox.py, shared/consumer.py and commands/rebuild.py; what is written into a
record, read out of it, and kept of it is done by the real functions. Each rule that holds the chain together is
broken once (`Broken`), to show that the model would notice.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Literal, get_args
from uuid import UUID

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.reporting.facts import FactPlan
from shared.events import Received, ScheduleChanged, decode
from shared.events.envelope import Message, encode
from shared.facts import Values, is_news, shape

DAYS = [dt.date(2025, 11, 6 + n) for n in range(3)]
AT = dt.datetime(2025, 11, 6, 1, 0, tzinfo=dt.UTC)
PARTITIONS = 2
PEOPLE = [UUID(int=n + 1) for n in range(2)]
PLAN = shape(FactPlan)

Broken = Literal[
    "rows leave the outbox before Kafka has them",
    "the relay reads on from the last id",
    "the relay sees what is not committed",
    "two transactions change one person's plan",
    "what was read counts as applied",
    "a later batch acknowledges an earlier one",
    "the last to come stays",
    "a rebuild that was broken off counts as done",
]


def _partition(key: bytes) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % PARTITIONS


class Chain(RuleBasedStateMachine):
    """One service that commands, one that keeps facts."""

    broken: Broken | None = None

    def __init__(self) -> None:
        super().__init__()
        self.ids = 0
        self.plans: dict[tuple[UUID, dt.date], Received] = {}
        self.open: dict[UUID, list[tuple[int, dt.date, Message]]] = defaultdict(list)
        """What transactions that are not committed have promised, by person."""
        self.outbox: dict[int, Message] = {}
        self.sent: list[list[int]] = []
        """All batches that were sent: a relay that stood still may send any of them again."""
        self.acknowledged: list[int] = []
        self.last_id = 0
        self.bytes: dict[int, Message] = {}
        self.topic: list[list[Received]] = [[] for _ in range(PARTITIONS)]
        self.promised: dict[UUID, list[UUID]] = defaultdict(list)
        """The ids of committed events of each person, in order."""
        self.position, self.committed = [0] * PARTITIONS, [0] * PARTITIONS
        self.in_flight: list[list[tuple[int, int, bool]]] = [[] for _ in range(PARTITIONS)]
        """Of each partition the batches that were read: (from, to, applied)."""
        self.facts: dict[Values, dict[str, Any]] = {}
        self.rebuilding: list[int] | None = None

    def is_broken(self, way: Broken) -> bool:
        return self.broken == way

    # --- the service that commands

    @rule(who=st.sampled_from(PEOPLE), day=st.sampled_from(DAYS))
    def begins(self, who: UUID, day: dt.date) -> None:
        """A transaction takes the person's row, and promises an event under the next id."""
        if self.open[who] and not self.is_broken("two transactions change one person's plan"):
            return  # it waits for the lock
        held = self.plans.get((who, day))
        revision = (held.event.revision if held and isinstance(held.event, ScheduleChanged) else 0) + 1
        self.ids += 1
        event = ScheduleChanged(
            employee_id=who, opd_code="A", unit_id="A-1", work_date=day, revision=revision, mode="OFF"
        )
        # An id that says nothing of the order, as those of random UUIDs do not.
        id_ = UUID(int=(self.ids * 0x9E3779B97F4A7C15) % 2**64)
        message = encode(event, id=id_, time=AT, source="/hadir/scheduling")
        self.open[who].append((self.ids, day, message))
        self.bytes[self.ids] = message

    @rule(who=st.sampled_from(PEOPLE), day=st.sampled_from(DAYS))
    def commands(self, who: UUID, day: dt.date) -> None:
        """The same, and nobody comes between."""
        self.begins(who, day)
        self.ends(who, True)

    @precondition(lambda self: any(self.open.values()))
    @rule(who=st.sampled_from(PEOPLE), commits=st.booleans())
    def ends(self, who: UUID, commits: bool) -> None:
        """In whatever order among people: a lower id may commit later."""
        if not self.open[who]:
            return
        number, day, message = self.open[who].pop(0)
        if commits:
            self.outbox[number] = message
            self.plans[who, day] = received(message)
            self.promised[who].append(self.plans[who, day].id)

    # --- its relay

    def visible(self) -> dict[int, Message]:
        if self.is_broken("the relay sees what is not committed"):
            return {**self.outbox, **{n: m for rows in self.open.values() for n, _, m in rows}}
        return self.outbox

    @precondition(lambda self: bool(self.visible()))
    @rule(count=st.integers(1, 4), arrive=st.integers(0, 4))
    def sends(self, count: int, arrive: int) -> None:
        """Takes out what Kafka had acknowledged and sends what is next; fewer may arrive than were sent."""
        self.takes_out()
        rows = sorted(self.visible())
        if self.is_broken("the relay reads on from the last id"):
            rows = [number for number in rows if number > self.last_id]
        batch = rows[:count]
        if not batch:
            return
        self.sent.append(batch)
        self.append(batch[:arrive])
        if self.is_broken("rows leave the outbox before Kafka has them"):
            for number in batch:
                self.outbox.pop(number, None)
        if arrive >= len(batch):
            self.acknowledged, self.last_id = batch, batch[-1]

    def takes_out(self) -> None:
        for number in self.acknowledged:
            self.outbox.pop(number, None)
        self.acknowledged = []

    @precondition(lambda self: bool(self.acknowledged))
    @rule()
    def relay_crashes(self) -> None:
        self.acknowledged = []

    @precondition(lambda self: bool(self.sent))
    @rule(which=st.integers(0, 30))
    def zombie_sends(self, which: int) -> None:
        """A relay that stood still sends a batch that another has sent since."""
        self.append(self.sent[which % len(self.sent)])

    def append(self, numbers: list[int]) -> None:
        for number in numbers:
            message = self.bytes[number]
            self.topic[_partition(message.key)].append(received(message))

    # --- the service that keeps facts

    @precondition(lambda self: any(self.topic))
    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(1, 2))
    def reads(self, partition: int, count: int) -> None:
        first = self.position[partition]
        last = min(first + count, len(self.topic[partition]))
        if last > first:
            self.position[partition] = last
            self.in_flight[partition].append((first, last, False))
            if self.is_broken("what was read counts as applied"):
                self.committed[partition] = last

    @precondition(lambda self: any(self.in_flight))
    @rule(partition=st.integers(0, PARTITIONS - 1), which=st.integers(0, 5))
    def applies(self, partition: int, which: int) -> None:
        """One transaction, of any batch that is under way."""
        waiting = self.in_flight[partition]
        if waiting:
            first, last, _ = waiting[which % len(waiting)]
            waiting[which % len(waiting)] = (first, last, True)
            self.join(self.topic[partition][first:last])

    @precondition(lambda self: any(done for some in self.in_flight for *_, done in some))
    @rule(partition=st.integers(0, PARTITIONS - 1))
    def acknowledges(self, partition: int) -> None:
        """Up to the first batch that is not applied."""
        waiting = self.in_flight[partition]
        if self.is_broken("a later batch acknowledges an earlier one") and any(done for *_, done in waiting):
            self.committed[partition] = max(last for _, last, done in waiting if done)
        while waiting and waiting[0][2]:
            self.committed[partition] = max(self.committed[partition], waiting.pop(0)[1])

    @precondition(lambda self: any(self.in_flight))
    @rule()
    def consumer_crashes(self) -> None:
        """Or is rebalanced: what was applied and not acknowledged is read again."""
        self.position = list(self.committed)
        self.in_flight = [[] for _ in range(PARTITIONS)]

    def join(self, batch: list[Received]) -> None:
        for one in batch:
            (key,) = PLAN.keys_of([one])
            revision, ce_id = PLAN.rank_of(one)
            if is_news(revision, ce_id, self.facts.get(key)) or self.is_broken("the last to come stays"):
                self.facts[key] = {"revision": revision, "ce_id": ce_id}

    @precondition(lambda self: bool(self.facts))
    @rule()
    def rebuild_begins(self) -> None:
        """Or begins again after it was broken off: it is noted that it is not done."""
        self.facts.clear()
        self.rebuilding = [0] * PARTITIONS

    @precondition(lambda self: self.rebuilding is not None)
    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(1, 6))
    def rebuild_goes_on(self, partition: int, count: int) -> None:
        assert self.rebuilding is not None
        first = self.rebuilding[partition]
        self.join(self.topic[partition][first : first + count])
        self.rebuilding[partition] = min(first + count, len(self.topic[partition]))

    @precondition(lambda self: self.rebuilding is not None)
    @rule()
    def rebuild_is_broken_off(self) -> None:
        if self.is_broken("a rebuild that was broken off counts as done"):
            self.rebuilding = None
        else:
            self.rebuild_begins()

    # --- what must be so

    @invariant()
    def nothing_comes_from_nowhere(self) -> None:
        events = {id_ for ids in self.promised.values() for id_ in ids}
        assert {fact["ce_id"] for fact in self.facts.values()} <= events, "phantom"

    def teardown(self) -> None:
        """All gets quiet: what is open ends, the relay sends, the consumer reads, a rebuild is done."""
        for who in PEOPLE:
            while self.open[who]:
                self.ends(who, True)
        for _ in range(2 * self.ids + 2):
            self.sends(4, 4)
        for partition in range(PARTITIONS):
            while self.rebuilding is not None and self.rebuilding[partition] < len(self.topic[partition]):
                self.rebuild_goes_on(partition, 100)
            self.reads(partition, 10_000)
            for which in range(len(self.in_flight[partition])):
                self.applies(partition, which)
            self.acknowledges(partition)
        self.judge()

    def judge(self) -> None:
        first: dict[UUID, list[UUID]] = defaultdict(list)
        for one in (one for records in self.topic for one in records):
            if one.id not in first[UUID(one.key)]:
                first[UUID(one.key)].append(one.id)
        for who in PEOPLE:
            assert set(first[who]) >= set(self.promised[who]), "lost on the way into the topic"
            assert first[who] == self.promised[who], "reordered, or a phantom"
        revisions = [
            plan.event.revision for plan in self.plans.values() if isinstance(plan.event, ScheduleChanged)
        ]
        assert sum(revisions) == sum(map(len, self.promised.values())), "two plans share a revision"
        wanted = {PLAN.keys_of([plan])[0]: PLAN.rank_of(plan) for plan in self.plans.values()}
        held = {key: (fact["revision"], fact["ce_id"]) for key, fact in self.facts.items()}
        assert held == wanted, "the facts are not what was commanded"


def received(message: Message) -> Received:
    return decode(message.topic, message.key, message.value, [*message.headers])


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def test_whatever_crashes_and_in_whatever_order_things_come_the_facts_are_what_was_commanded() -> None:
    run_state_machine_as_test(
        Chain,
        settings=settings(max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=SLOW),
    )


ONE, OTHER = PEOPLE
DAY, NEXT, _ = DAYS
AT_ONE = _partition(str(ONE).encode())


def _rows_leave(chain: Chain) -> None:
    chain.commands(ONE, DAY)
    chain.sends(1, 0)
    chain.relay_crashes()


def _from_the_last_id(chain: Chain) -> None:
    chain.begins(ONE, DAY)
    chain.commands(OTHER, DAY)
    chain.sends(1, 1)
    chain.ends(ONE, True)


def _not_committed(chain: Chain) -> None:
    chain.begins(ONE, DAY)
    chain.sends(1, 1)
    chain.ends(ONE, False)


def _two_at_once(chain: Chain) -> None:
    chain.begins(ONE, DAY)
    chain.begins(ONE, DAY)
    chain.ends(ONE, True)
    chain.ends(ONE, True)


def _read_is_applied(chain: Chain) -> None:
    chain.commands(ONE, DAY)
    chain.sends(1, 1)
    chain.reads(AT_ONE, 1)
    chain.consumer_crashes()


def _later_batch(chain: Chain) -> None:
    chain.commands(ONE, DAY)
    chain.commands(ONE, NEXT)
    chain.sends(2, 2)
    chain.reads(AT_ONE, 1)
    chain.reads(AT_ONE, 1)
    chain.applies(AT_ONE, 1)
    chain.acknowledges(AT_ONE)
    chain.consumer_crashes()


def _last_stays(chain: Chain) -> None:
    chain.commands(ONE, DAY)
    chain.sends(1, 1)
    chain.commands(ONE, DAY)
    chain.sends(1, 1)
    chain.zombie_sends(0)


def _broken_off(chain: Chain) -> None:
    chain.commands(ONE, DAY)
    chain.sends(1, 1)
    chain.reads(AT_ONE, 1)
    chain.applies(AT_ONE, 0)
    chain.acknowledges(AT_ONE)
    chain.rebuild_begins()
    chain.rebuild_is_broken_off()


SHOWS: dict[Broken, Callable[[Chain], None]] = {
    "rows leave the outbox before Kafka has them": _rows_leave,
    "the relay reads on from the last id": _from_the_last_id,
    "the relay sees what is not committed": _not_committed,
    "two transactions change one person's plan": _two_at_once,
    "what was read counts as applied": _read_is_applied,
    "a later batch acknowledges an earlier one": _later_batch,
    "the last to come stays": _last_stays,
    "a rebuild that was broken off counts as done": _broken_off,
}


@pytest.mark.parametrize("way", get_args(Broken))
def test_a_chain_that_is_broken_is_found_out_where_the_whole_one_holds(way: Broken) -> None:
    whole = Chain()
    SHOWS[way](whole)
    whole.teardown()
    mutant = Chain()
    mutant.broken = way
    with pytest.raises(AssertionError):
        _to_the_end(mutant, SHOWS[way])


def _to_the_end(chain: Chain, steps: Callable[[Chain], None]) -> None:
    steps(chain)
    chain.teardown()
    chain.nothing_comes_from_nowhere()
