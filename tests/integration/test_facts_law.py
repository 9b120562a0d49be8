"""The law of the projections: order, duplication and splitting of events leave no trace in the facts."""

import asyncio
import datetime as dt
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.commands import facts
from services.reporting.facts import PROJECTION
from shared import repairs
from shared.bus import HandlerContext
from shared.database import Database, Tx
from shared.events import AttendanceRecorded, AttendanceVoided, EmployeeChanged, Received, RulesChanged
from shared.log import Log, Offsets, Record
from shared.repairs import Repaired
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.disowning import Logs, MemoryLog, context_of, disowning
from tests.kit.locks import waiting
from tests.kit.properties import SLOW_IS_FINE


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def fresh(db: Database) -> None:
    async with db.transaction() as tx:
        for name in (*(table.name for table in PROJECTION.tables), "disowned", "repair"):
            await tx.connection.execute(f"delete from {name}")  # noqa: S608 - declared names


async def join(
    db: Database, batches: Sequence[Sequence[Received]], logs: Logs | None = None
) -> tuple[str, list[str]]:
    """The digest and the rows after joining the batches into empty tables, with repairs from `logs` in between."""
    await fresh(db)
    for number, batch in enumerate(batches):
        async with db.transaction() as tx:
            await facts.apply(tx, batch)
        if logs is not None and number % 2:
            await repairs.settle(PROJECTION, facts.rejoin, context_of("reporting", db), logs.open)
    if logs is not None:
        await repairs.settle(PROJECTION, facts.rejoin, context_of("reporting", db), logs.open)
    async with db.read() as tx:
        rows: list[str] = []
        for table in PROJECTION.tables:
            query = f"select t::text as line from {table.name} as t order by 1"  # noqa: S608 - declared names
            rows += [f"{table.name}{row['line']}" for row in await tx.connection.fetch(query)]
    return await facts.digest(db), rows


def employee(employee_id: UUID, revision: int, ce_id: UUID, name: str) -> Received:
    event = EmployeeChanged(
        employee_id=employee_id,
        revision=revision,
        nip="198001012005011001",
        name=name,
        opd_code="OPD-1",
        unit_id="counter-a",
        employment="PNS",
        heads=["counter-a"],
    )
    return worlds.received([(ce_id, event)])[0]


def erasure(employee_id: UUID, ce_id: UUID) -> Received:
    known = employee(employee_id, 1, ce_id, "x")
    return Received(None, ce_id, known.type, known.source, known.time, str(employee_id), None)


@settings(max_examples=30, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(
    given=st.one_of(worlds.worlds(), worlds.worlds(counters=True)),
    people=st.lists(
        st.tuples(st.sampled_from(worlds.PEOPLE), st.integers(0, 2), st.uuids(), st.sampled_from("abc")),
        max_size=5,
    ),
    erased=st.lists(st.tuples(st.sampled_from(worlds.PEOPLE), st.uuids()), max_size=1),
    seed=st.integers(0, 2**32),
)
@pytest.mark.fault(21)
async def test_any_order_duplication_and_batching_gives_the_same_rows_and_digest(
    db: Database,
    given: tuple[worlds.World, object],
    people: list[tuple[UUID, int, UUID, str]],
    erased: list[tuple[UUID, UUID]],
    seed: int,
) -> None:
    events = worlds.received(given[0])
    events += [employee(*one) for one in people] + [erasure(*one) for one in erased]
    expected = await join(db, [events])
    chaos = random.Random(seed)
    shuffled = [*events, *chaos.choices(events, k=len(events) // 2)]
    chaos.shuffle(shuffled)
    batches: list[list[Received]] = []
    while shuffled:
        size = chaos.randint(1, len(shuffled))
        batches.append(shuffled[:size])
        shuffled = shuffled[size:]
    assert await join(db, batches) == expected


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(
    world=worlds.worlds(),
    people=st.lists(
        st.tuples(st.sampled_from(worlds.PEOPLE), st.integers(0, 2), st.uuids(), st.sampled_from("abc")),
        max_size=5,
    ),
    erased=st.lists(st.tuples(st.sampled_from(worlds.PEOPLE), st.uuids()), max_size=1),
    seed=st.integers(0, 2**32),
)
async def test_a_disowned_event_counts_as_never_sent_in_whatever_order_the_two_arrive(
    db: Database,
    world: tuple[worlds.World, object],
    people: list[tuple[UUID, int, UUID, str]],
    erased: list[tuple[UUID, UUID]],
    seed: int,
) -> None:
    events = worlds.received(world[0])
    events += [employee(*one) for one in people] + [erasure(*one) for one in erased]
    chaos = random.Random(seed)
    said: list[Received] = []
    gone: set[tuple[str, UUID]] = set()
    for one in chaos.sample(events, k=min(len(events), 4)):
        last = chaos.randint(1, 3)  # disowned, revoked, disowned again
        said += [disowning(one.id, one.type, n, revoked=n == 2) for n in range(1, last + 1)]
        gone |= {(one.type, one.id)} if last != 2 else set()
    said.append(disowning(uuid4(), RulesChanged.topic))  # of an event that never comes
    expected = await join(db, [[one for one in events if (one.type, one.id) not in gone]])
    shuffled = [*events, *said, *chaos.choices([*events, *said], k=len(events) // 2)]
    chaos.shuffle(shuffled)
    batches: list[list[Received]] = []
    while shuffled:
        size = chaos.randint(1, len(shuffled))
        batches.append(shuffled[:size])
        shuffled = shuffled[size:]
    assert await join(db, batches, Logs(events)) == expected


async def test_an_event_of_another_topic_with_the_same_id_is_not_disowned(db: Database) -> None:
    person, shared_id = uuid4(), uuid4()
    rules = RulesChanged(
        rules_version="1",
        effective_from=dt.date(2025, 11, 6),
        tolerance_minutes=0,
        report_modes=[],
        report_cutoff="17:00",
        review_sla_working_days=3,
    )
    both = [employee(person, 1, shared_id, "Siti"), *worlds.received([(shared_id, rules)])]
    await join(db, [both, [disowning(shared_id, RulesChanged.topic)]], Logs(both))
    async with db.read() as tx:
        assert await tx.connection.fetchval("select name from fact_employee") == "Siti"
        assert await tx.connection.fetchval("select count(*) from fact_rules") == 0


async def test_what_comes_while_a_repair_reads_is_not_lost(db: Database) -> None:
    """A true event that lost to the false one, after the repair had read the log to its end."""
    person, false = uuid4(), uuid4()
    first, forged = employee(person, 1, uuid4(), "Siti"), employee(person, 2**40, false, "PALSU")
    later = employee(person, 2, uuid4(), "Siti Aminah")
    logs = Logs([first, forged])
    await join(db, [[first, forged], [disowning(false, forged.type)]])

    class Growing(MemoryLog):
        async def upto(self, ends: Offsets, topics: Collection[str] | None = None) -> AsyncGenerator[list[Record]]:
            async for batch in super().upto(ends, topics):
                yield batch
            if later not in sent:
                sent.append(later)
                logs.send(later)
                async with db.transaction() as tx:
                    await facts.apply(tx, [later])

    sent: list[Received] = []

    @asynccontextmanager
    async def opened(topic: str) -> AsyncGenerator[Growing]:
        async with logs.open(topic) as log:
            assert isinstance(log, MemoryLog)
            yield Growing(log.records)

    assert await repairs.settle(PROJECTION, facts.rejoin, context_of("reporting", db), opened) == 1
    async with db.read() as tx:
        assert await tx.connection.fetchval("select name from fact_employee") == "Siti Aminah"
    assert sent


async def test_a_revocation_in_the_middle_of_a_repair_begins_it_again(db: Database) -> None:
    person, event_id = uuid4(), uuid4()
    first, doubted = employee(person, 1, uuid4(), "Siti"), employee(person, 2, event_id, "Siti Aminah")
    logs = Logs([first, doubted])
    await join(db, [[first, doubted], [disowning(event_id, doubted.type)]])

    @asynccontextmanager
    async def opened(topic: str) -> AsyncGenerator[Log]:
        async with db.transaction() as tx:
            await facts.apply(tx, [disowning(event_id, doubted.type, 2, revoked=True)])
        async with logs.open(topic) as log:
            yield log

    context = context_of("reporting", db)
    assert await repairs.settle(PROJECTION, facts.rejoin, context, opened) == 0
    assert await repairs.settle(PROJECTION, facts.rejoin, context, logs.open) == 1
    async with db.read() as tx:
        assert await tx.connection.fetchval("select name from fact_employee") == "Siti Aminah"
        assert await tx.connection.fetchval("select count(*) from repair") == 0


async def test_a_fold_under_way_ends_before_its_event_is_disowned(db: Database) -> None:
    """Two replicas: one folds the event while the other hears that it counts as never sent."""
    person, false = uuid4(), uuid4()
    forged = employee(person, 2**40, false, "PALSU")

    async def hear() -> None:
        async with db.transaction() as tx:
            await facts.apply(tx, [disowning(false, forged.type)])

    async with db.transaction() as tx:
        await facts.apply(tx, [forged])
        hearing = asyncio.create_task(hear())
        async with asyncio.timeout(30):
            while not await waiting(db, "advisory"):
                assert not hearing.done(), "it did not wait for the fold"
    await hearing
    await repairs.settle(PROJECTION, facts.rejoin, context_of("reporting", db), Logs([forged]).open)
    async with db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from fact_employee") == 0


async def test_of_two_replicas_one_repairs(db: Database) -> None:
    person, false = uuid4(), uuid4()
    forged = employee(person, 9, false, "PALSU")
    await join(db, [[forged], [disowning(false, forged.type)]])
    context, logs = context_of("reporting", db), Logs([forged])
    opened: list[int] = []

    @asynccontextmanager
    async def open_once(topic: str) -> AsyncGenerator[Log]:
        # the other replica, meanwhile
        opened.append(await repairs.settle(PROJECTION, facts.rejoin, context, logs.open))
        async with logs.open(topic) as log:
            yield log

    assert await repairs.settle(PROJECTION, facts.rejoin, context, open_once) == 1
    assert opened == [0]


async def divides_by_zero(tx: Tx) -> None:
    await tx.connection.execute("select 1 / 0")


async def meets_a_bug(_tx: Tx) -> None:
    raise AttributeError("only this record meets it")


@pytest.mark.parametrize("fails", [divides_by_zero, meets_a_bug])
async def test_a_record_that_cannot_be_stored_ends_no_repair(
    db: Database, fails: Callable[[Tx], Awaitable[None]]
) -> None:
    """It was set aside when it came, and is still in the log; the others of its key take the place."""
    person, false, broken = uuid4(), uuid4(), uuid4()
    events = [employee(person, n, uuid4(), f"Siti {n}") for n in range(1, 6)]
    events += [employee(person, 9, broken, "too much"), employee(person, 2**40, false, "PALSU")]

    async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
        if any(one.id == broken for one in repaired.events):
            await fails(tx)
        await facts.rejoin(tx, repaired, context)

    await join(db, [[one for one in events if one.id != broken], [disowning(false, events[0].type)]])
    assert await repairs.settle(PROJECTION, rejoin, context_of("reporting", db), Logs(events).open) == 1
    async with db.read() as tx:
        assert await tx.connection.fetchval("select name from fact_employee") == "Siti 5"


async def test_a_repair_ends_where_none_of_the_other_records_can_be_stored(db: Database) -> None:
    """All were set aside when they came: without the disowned one there is nothing."""
    person, false = uuid4(), uuid4()
    events = [employee(person, n, uuid4(), "too much") for n in range(1, 4)]
    events += [employee(person, 2**40, false, "PALSU")]

    async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
        for one in repaired.events:
            if one.id == events[0].id:
                await divides_by_zero(tx)
            elif one.id != false:
                await meets_a_bug(tx)
        await facts.rejoin(tx, repaired, context)

    await join(db, [events[-1:], [disowning(false, events[0].type)]])
    assert await repairs.settle(PROJECTION, rejoin, context_of("reporting", db), Logs(events).open) == 1
    async with db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from fact_employee") == 0


async def test_a_bug_that_many_records_all_meet_blames_none_and_leaves_the_facts_as_they_are(db: Database) -> None:
    person, false = uuid4(), uuid4()
    events = [employee(person, n, uuid4(), f"Siti {n}") for n in range(1, repairs.MANY + 1)]
    events += [employee(person, 2**40, false, "PALSU")]
    broken = True

    async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
        if broken and repaired.events:
            raise AttributeError("a wrong deploy")
        await facts.rejoin(tx, repaired, context)

    await join(db, [events, [disowning(false, events[0].type)]])
    logs = Logs(events)
    with pytest.raises(AttributeError):
        await repairs.settle(PROJECTION, rejoin, context_of("reporting", db), logs.open)
    async with db.read() as tx:
        assert await tx.connection.fetchval("select name from fact_employee") == "PALSU"
    broken = False
    assert await repairs.settle(PROJECTION, rejoin, context_of("reporting", db), logs.open) == 1
    async with db.read() as tx:
        assert await tx.connection.fetchval("select name from fact_employee") == f"Siti {repairs.MANY}"


async def test_a_repair_that_cannot_be_done_does_not_hold_up_the_others(db: Database) -> None:
    person, false, other = uuid4(), uuid4(), uuid4()
    forged = employee(person, 9, false, "PALSU")
    void = AttendanceVoided(
        punch_id=uuid4(),
        employee_id=person,
        work_date=dt.date(2025, 11, 6),
        voided_at=dt.datetime(2025, 11, 6, 1, tzinfo=dt.UTC),
        voided_by="x",
        reason="x",
    )
    events = [forged, *worlds.received([(other, void)])]
    logs = Logs(events)
    said = [disowning(false, forged.type), disowning(other, void.topic)]
    await join(db, [events, said])

    @asynccontextmanager
    async def opened(topic: str) -> AsyncGenerator[Log]:
        if topic == void.topic:
            raise ConnectionError("away")
        async with logs.open(topic) as log:
            yield log

    context = context_of("reporting", db)
    with pytest.raises(ConnectionError):
        await repairs.settle(PROJECTION, facts.rejoin, context, opened)
    async with db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from fact_employee") == 0
        assert await tx.connection.fetchval("select count(*) from fact_void") == 1
    assert await repairs.settle(PROJECTION, facts.rejoin, context, logs.open) == 1
    async with db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from fact_void") == 0


async def test_an_erased_person_is_forgotten_and_stays_so(db: Database) -> None:
    person = uuid4()
    known, later = employee(person, 1, uuid4(), "Siti"), employee(person, 9, uuid4(), "Siti")
    await join(db, [[known], [erasure(person, uuid4())], [later]])
    async with db.read() as tx:
        [row] = await tx.connection.fetch("select * from fact_employee where employee_id = $1", person)
    assert row["erased"]
    assert not row["active"]
    assert (row["name"], row["unit_id"], row["supervisor_id"], row["heads"]) == (None, None, None, [])


async def test_a_conflict_is_counted_and_the_greater_event_id_wins(db: Database) -> None:
    person, small, great = uuid4(), UUID(int=1), UUID(int=2)
    metrics = Metrics("reporting")
    for ce_id, name in ((great, "great"), (small, "small")):
        async with db.transaction() as tx:
            await facts.apply(tx, [employee(person, 3, ce_id, name)], metrics)
    async with db.read() as tx:
        assert await tx.connection.fetchval("select name from fact_employee") == "great"
    counted = metrics.registry.get_sample_value("hadir_fact_conflicts_total", {"table": "fact_employee"})
    assert counted == 1


async def touched(db: Database, events: Sequence[Received]) -> set[dt.date | None]:
    """Work dates that joining the events touches; the note is wiped before and after."""
    async with db.transaction() as tx:
        await tx.connection.execute("delete from touched")
        await facts.apply(tx, events)
        rows = await tx.connection.fetch("select work_date from touched")
        await tx.connection.execute("delete from touched")
        return {row["work_date"] for row in rows}


async def test_a_fold_touches_the_dates_whose_verdicts_may_change(db: Database) -> None:
    person, at = uuid4(), dt.datetime(2025, 11, 6, 1, tzinfo=dt.UTC)

    def punch(punch_id: UUID, date: dt.date) -> AttendanceRecorded:
        return AttendanceRecorded(
            punch_id=punch_id,
            employee_id=person,
            opd_code="OPD-1",
            unit_id="counter-a",
            work_date=date,
            kind="in",
            at=at,
            received_at=at,
            zone="office",
            source="app",
        )

    def void(punch_id: UUID, date: dt.date) -> AttendanceVoided:
        return AttendanceVoided(
            punch_id=punch_id, employee_id=person, work_date=date, voided_at=at, voided_by="x", reason="x"
        )

    thursday, friday = dt.date(2025, 11, 6), dt.date(2025, 11, 7)
    one = worlds.received([(uuid4(), punch(UUID(int=1), thursday))])
    assert await touched(db, one) == {thursday}
    assert await touched(db, one) == set()  # a duplicate changes nothing
    # A void names another date than its punch: both are looked at again.
    assert await touched(db, worlds.received([(uuid4(), void(UUID(int=1), friday))])) == {thursday, friday}
    assert await touched(db, [employee(person, 1, uuid4(), "x")]) == set()
    rules = RulesChanged(
        rules_version="1",
        effective_from=thursday,
        tolerance_minutes=0,
        report_modes=[],
        report_cutoff="17:00",
        review_sla_working_days=3,
    )
    assert await touched(db, worlds.received([(uuid4(), rules)])) == {None}
