"""A view reads each fact a few times at most, whatever the length of its lists and the reach of its times."""

import datetime as dt
import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.store import planner
from services.reporting.views import counters, people
from services.reporting.views.figures import Reader, look_at
from shared.database import Database, Tx
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.oracle import coverage, fold, timeline

DAY = dt.date(2025, 11, 6)
NOON = dt.datetime.combine(DAY, dt.time(12), worlds.WIB)
MIDNIGHT = dt.datetime.combine(DAY + dt.timedelta(days=1), dt.time(), worlds.WIB)
PEOPLE, COUNTERS, LONG = 300, 60, 4000
READER = Reader(("city", "opds", "units"))

# Straight into the tables: facts of before the contract had bounds.
FILL = f"""
    insert into touched (work_date) values (null);
    insert into fact_unit
    select 'U' || u, 'O' || u % 5, 'x', 'x', true,
        '[{{"effective_from": "2025-01-01", "weekdays": [3], "opens": "08:00", "closes": "15:00", "min_staff": 1,
            "on_holidays": false}}]', 0.9, 1, gen_random_uuid()
    from generate_series(1, {COUNTERS}) as u;
    insert into fact_plan
    select gen_random_uuid(), '{DAY}', 'O' || n % {COUNTERS} % 5, 'U' || 1 + n % {COUNTERS}, 'WFO',
        '{DAY} 07:30+07', '{DAY} 16:00+07', 'p', 'r', 1, gen_random_uuid()
    from generate_series(1, {PEOPLE}) as n;
    insert into fact_outage
    select gen_random_uuid(), jsonb_build_object('all', false,
            'opd_codes', (select jsonb_agg('X' || n) || '["O1", "O1"]' from generate_series(1, {LONG}) as n),
            'unit_ids', (select jsonb_agg('Y' || n) || '["U2"]' from generate_series(1, {LONG}) as n)),
        '{DAY} 07:10+07', '{DAY} 09:00+07', 'x', 'O1', false, 1, gen_random_uuid()
    from generate_series(1, 3);
    update fact_unit set requirements = (
        select jsonb_agg(jsonb_build_object('effective_from', '2025-01-01', 'weekdays', '[3]'::jsonb,
            'opens', to_char(time '00:00' + n % 600 * interval '1 minute', 'HH24:MI'),
            'closes', to_char(time '12:00' + n % 601 * interval '1 minute', 'HH24:MI'),
            'min_staff', n, 'on_holidays', false))
        from generate_series(1, {LONG}) as n)
    where unit_id = 'U1'
"""  # noqa: S608 - constants of this file


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def work(tx: Tx, query: str, *values: Any) -> tuple[int, list[str]]:
    """How many rows the query's steps took up, and what they were filtered by."""
    await planner.whole_dates(tx)
    found = await tx.connection.fetchval(f"explain (analyze, format json) {query}", *values)
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    rows, filters = 0, list[str]()
    for node in nodes(plan):
        removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
        rows += int((node["Actual Rows"] + removed) * node["Actual Loops"])
        filters += [str(value) for name, value in node.items() if name.endswith(("Filter", "Cond"))]
    return rows, filters


async def test_long_lists_are_read_once_and_not_for_every_person_counter_or_instant(db: Database) -> None:
    async with db.transaction() as tx:
        for statement in FILL.split(";\n"):
            await tx.connection.execute(statement)
    read = PEOPLE + COUNTERS + 3 * 2 * LONG + LONG
    async with db.read() as tx:
        for query in ("select * from verdicts($1, $1, $2)", "select * from coverage($1, $2)"):
            rows, filters = await work(tx, query, DAY, NOON)
            # The logarithm of what is read, and a step or two for each: far from its square.
            assert rows < 40 * read, query
            assert not [text for text in filters if " ? " in text], (
                "a scope is searched for each person or counter"
            )
        board = await look_at(tx, DAY, NOON)
    on_time = board.city(READER).duties["on_time"]
    units = {unit.unit_id: unit for unit in board.units()}
    excused = sum(1 for n in range(1, PEOPLE + 1) if n % COUNTERS % 5 == 1 or n % COUNTERS == 1)
    assert on_time.unknown == excused
    assert on_time.not_met == PEOPLE - excused
    assert units["U2"].unknown_seconds == units["U6"].unknown_seconds == 3600
    assert units["U3"].unknown_seconds == 0
    assert units["U1"].required == LONG


async def test_what_a_day_costs_does_not_grow_with_the_voids_of_others(db: Database) -> None:
    voids = 20_000
    async with db.transaction() as tx:
        for statement in FILL.split(";\n"):
            await tx.connection.execute(statement)
        await tx.connection.execute(
            f"""
            insert into fact_punch
            select gen_random_uuid(), employee_id, work_date, opd_code, unit_id, 'in', starts_at, starts_at,
                starts_at, 'office', 'app', '[]', 0, gen_random_uuid(), 'server'
            from fact_plan;
            insert into fact_void
            select gen_random_uuid(), gen_random_uuid(), '2025-01-06', '2025-01-06', 'x', 'x', 0, gen_random_uuid()
            from generate_series(1, {voids});
            analyze
            """  # noqa: S608 - a constant
        )
    async with db.read() as tx:
        person = await tx.connection.fetchval("select employee_id from fact_plan where unit_id = 'U3' limit 1")
        page = await people.person_day(tx, person, DAY, NOON)
        await planner.some_people(tx)
        pieces = await tx.connection.fetch("select * from coverage_pieces($1, $2, $3)", DAY, NOON, ["U3"])
        scanned = await tx.connection.fetchval(
            "select seq_tup_read from pg_stat_xact_user_tables where relname = 'fact_void'"
        )
    assert page.mode == "WFO"
    assert pieces
    assert scanned == 0


async def test_every_view_of_an_opd_adds_up_to_the_city(db: Database) -> None:
    async with db.transaction() as tx:
        for statement in FILL.split(";\n"):
            await tx.connection.execute(statement)
    async with db.read() as tx:
        board = await look_at(tx, DAY, NOON)
    city, opds = board.city(READER).model_dump(), [opd.model_dump() for opd in board.opds(READER)]
    assert [opd["opd_code"] for opd in opds] == [f"O{n}" for n in range(5)]
    assert sum(opd["employees"] for opd in opds) == city["employees"] == PEOPLE
    for state in ("not_met", "unknown"):
        assert sum(opd["duties"]["on_time"][state] for opd in opds) == city["duties"]["on_time"][state]
    for status in ("met", "short", "unknown", "closed"):
        assert sum(opd["coverage"][status] for opd in opds) == city["coverage"][status]


async def test_who_is_wanted_at_an_instant_is_the_most_that_any_open_requirement_says(db: Database) -> None:
    """A few hundred openings that overlap at random, against looking at each of them at each instant."""
    dice = random.Random(7)
    times = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(0, 1441, 9)]

    def opening() -> worlds.Requirement:
        opens, closes = dice.choice(times[:-1]), dice.choice(times)
        return worlds.Requirement(
            effective_from=dt.date(2025, 1, 1),
            weekdays=dice.sample(range(7), 5),
            opens=opens,
            closes=closes,  # at times not after it: never open
            min_staff=dice.randint(0, 40),
        )

    for many in (1, 2, 3, 7, 8, 9, 60, 180):
        unit = worlds.UnitChanged(
            unit_id=f"counter-{many}",
            revision=1,
            opd_code="OPD-1",
            opd_name="x",
            name="x",
            is_service_point=True,
            requirements=[opening() for _ in range(many)],
        )
        world: worlds.World = [(uuid4(), unit)]
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
        known = fold(world)
        async with db.read() as tx:
            for t in (NOON, MIDNIGHT):
                found = (await counters.timeline(tx, unit.unit_id, DAY, t)).model_dump()
                segments = [(s["from_at"], s["until_at"], s["required"], s["status"]) for s in found["segments"]]
                assert segments == [(a, b, m.required, m.status) for a, b, m in timeline(known, unit, DAY, t)]
                expected = coverage(known, DAY, t)[unit.unit_id]
                assert {name: found[name] for name in expected} == expected


async def test_a_plan_that_claims_to_end_in_centuries_staffs_no_counter_for_longer_than_a_shift(
    db: Database,
) -> None:
    async with db.transaction() as tx:
        for statement in FILL.split(";\n")[:3]:
            await tx.connection.execute(statement)
        await tx.connection.execute("update fact_plan set ends_at = '2999-12-31 16:00+07' where unit_id = 'U1'")
        await tx.connection.execute(
            """
            insert into fact_punch (punch_id, employee_id, work_date, opd_code, unit_id, kind, at, received_at,
                zone, source, flags, revision, ce_id)
            select gen_random_uuid(), employee_id, work_date, 'O', 'U1', 'in', starts_at, starts_at,
                'office', 'app', '[]', 0, gen_random_uuid()
            from fact_plan where unit_id = 'U1'
            """
        )
    async with db.read() as tx:
        for days, status in ((0, "met"), (1, "closed"), (7, "short"), (700, "short")):
            t = NOON + dt.timedelta(days=days)
            date = t.astimezone(worlds.WIB).date()
            unit = await counters.timeline(tx, "U1", date, t)
            assert unit.status == status, date
