"""The law of the projections: order, duplication and splitting of events leave no trace in the facts."""

import datetime as dt
import random
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting import facts
from services.reporting.facts import TABLES
from services.reporting.models import Stored
from shared.database import Database
from shared.events import AttendanceRecorded, AttendanceVoided, EmployeeChanged, Received, RulesChanged
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.reference import worlds


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def fresh(db: Database) -> None:
    async with db.transaction() as tx:
        for table in TABLES:
            await tx.connection.execute(f"delete from {table.name}")  # noqa: S608 - declared names


async def join(db: Database, batches: Sequence[Sequence[Received]]) -> tuple[str, list[str]]:
    """The digest and the rows after joining the batches into empty tables."""
    await fresh(db)
    for batch in batches:
        async with db.transaction() as tx:
            await facts.apply(tx, batch)
    async with db.read() as tx:
        rows: list[str] = []
        for table in TABLES:
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


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    given=st.one_of(worlds.worlds(), worlds.worlds(counters=True)),
    people=st.lists(
        st.tuples(st.sampled_from(worlds.PEOPLE), st.integers(0, 2), st.uuids(), st.sampled_from("abc")),
        max_size=5,
    ),
    erased=st.lists(st.tuples(st.sampled_from(worlds.PEOPLE), st.uuids()), max_size=1),
    seed=st.integers(0, 2**32),
)
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


async def test_an_erased_person_is_forgotten_and_stays_so(db: Database) -> None:
    person = uuid4()
    known, later = employee(person, 1, uuid4(), "Siti"), employee(person, 9, uuid4(), "Siti")
    await join(db, [[known], [erasure(person, uuid4())], [later]])
    async with db.read() as tx:
        row = await tx.connection.fetchrow("select * from fact_employee where employee_id = $1", person)
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


async def test_the_declared_tables_are_the_migrated_ones(db: Database) -> None:
    """models.py and the migration say the same columns, types and nullability."""
    async with db.read() as tx:
        rows = await tx.connection.fetch(
            """
            select table_name, column_name, data_type, is_nullable = 'YES' as nullable
            from information_schema.columns where table_schema = 'public'
            """
        )
    migrated = {(r["table_name"], r["column_name"]): (r["data_type"], r["nullable"]) for r in rows}
    for table in Stored.metadata.sorted_tables:
        for column in table.columns:
            kind = str(column.type.compile(facts.DIALECT)).lower()
            assert migrated[(table.name, column.name)] == (kind, bool(column.nullable)), column


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
