"""One bad row, one date or one counter that cannot be judged harms no other: nothing stops a city."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.reporting.commands.steps import drain
from services.reporting.store import figures
from services.reporting.views.figures import look_at
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.integration.test_facts_transitions import (
    PERSON,
    THURSDAY,
    at,
    counter,
    learn,
    plan,
    punch,
    rows,
    said,
    tick,
)

MORNING = [("on_time", "pending", "met"), ("place", "pending", "met")]
BAD_HOURS = (
    '[{{"effective_from": "2025-01-01", "weekdays": [3], "opens": "{}", "closes": "15:00", "min_staff": 1}}]'
)


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def store_row(db: Database, statement: str, *values: object) -> None:
    """As an older version, or a hand in psql, may have left it."""
    async with db.transaction() as tx:
        await tx.connection.execute(statement, *values)


async def store_unit(db: Database, unit_id: str, requirements: str) -> None:
    await store_row(
        db,
        "insert into fact_unit"
        " (unit_id, opd_code, opd_name, name, is_service_point, requirements, slo, revision, ce_id)"
        " values ($1, 'OPD-2', 'x', 'x', true, $2::jsonb, 0.9, 1, $3)",
        unit_id,
        requirements,
        uuid4(),
    )


async def store_plan(db: Database, date: str, starts_at: str) -> UUID:
    person = uuid4()
    await store_row(
        db,
        "insert into fact_plan"
        " (employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, revision, ce_id) values"
        " ($1, $2::text::date, 'OPD-2', 'counter-b', 'WFO', $3::text::timestamptz, $3::text::timestamptz, 1, $4)",
        person,
        date,
        starts_at,
        uuid4(),
    )
    return person


async def test_a_date_that_no_calendar_has_harms_no_other(db: Database) -> None:
    await learn(db, plan())
    for date in ("infinity", "9999-12-31"):
        await store_plan(db, date, "2025-11-06 00:00+00")
        await store_row(db, "insert into touched (work_date) values ($1::text::date)", date)
        await store_row(
            db,
            "insert into published_day (work_date, employee_id, revision, due_at)"
            " values ($1::text::date, gen_random_uuid(), 0, '-infinity')",
            date,
        )
    await store_row(db, "insert into touched (work_date) values (null)")
    await tick(db, at("06:00"))
    await learn(db, punch("in", at("07:20")))
    assert await said(db, at("07:21")) == MORNING
    assert await said(db, at("07:22")) == []


async def test_a_date_that_cannot_be_judged_harms_no_other(db: Database) -> None:
    tomorrow = THURSDAY.replace(day=7)
    await learn(db, plan(), plan(tomorrow), counter())
    await tick(db, at("06:00"))
    bad = await store_plan(db, str(tomorrow), "294276-12-31 23:59:59+00")
    await store_row(db, "insert into touched (work_date) values ($1)", tomorrow)
    await learn(db, punch("in", at("07:20")))
    with pytest.raises(ExceptionGroup) as caught:
        await tick(db, at("08:00"))
    assert [error.__notes__ for error in caught.value.exceptions] == [[f"person-day {bad} 2025-11-07"]]
    assert {(row["topic"], row["key"]) for row in await rows(db)} == {
        ("compliance.changed.v1", str(PERSON)),
        ("coverage.changed.v1", "counter-a"),
    }


@pytest.mark.parametrize("opens", ["07:3\u0660", "07:3\uff10", "08.00", "", "8:00", "25:00", "24:30", "infinity"])
async def test_hours_that_nobody_can_read_are_none_and_stop_no_view(db: Database, opens: str) -> None:
    await learn(db, plan(), counter(), punch("in", at("07:20")))
    await store_unit(db, "counter-b", BAD_HOURS.format(opens))
    await store_row(
        db,
        "insert into fact_rules (rules_version, effective_from, tolerance_minutes, report_modes, report_cutoff,"
        " review_sla_working_days, revision, ce_id) values ('bad', '2025-11-01', 90, '[\"WFO\"]', $1, 1, 0, $2)",
        opens,
        uuid4(),
    )
    async with db.read() as tx:
        board = await look_at(tx, THURSDAY, at("09:00"))
    assert board.coverage().model_dump() == {
        "open": 1,
        "met": 1,
        "short": 0,
        "unknown": 0,
        "closed": 1,
        "attainment": 1.0,
    }
    assert ("counter-a", "closed", "met") in await said(db, at("09:00"))


async def test_a_unit_that_cannot_be_judged_harms_no_other(db: Database) -> None:
    counters = [f"counter-{letter}" for letter in "abcdefgh"]
    await learn(db, plan(), *(counter(unit_id=one) for one in counters))
    await store_unit(db, "counter-dd", '[{"effective_from": "kapan"}]')
    await learn(db, punch("in", at("07:20")))
    with pytest.raises(ExceptionGroup) as caught:
        await tick(db, at("08:00"))
    assert [error.__notes__ for error in caught.value.exceptions] == [["unit counter-dd"]]
    announced = await rows(db)
    assert sorted(row["key"] for row in announced if row["topic"] == "coverage.changed.v1") == counters
    assert [row["duty"] for row in announced if row["topic"] == "compliance.changed.v1"] == ["on_time", "place"]


async def test_what_no_counter_is_to_blame_for_is_told_once_and_searched_for_no_longer(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def cover(*given: object, **_: object) -> list[dict[str, object]]:
        asked.append(given[-1])
        raise ValueError("whatever the units are")

    monkeypatch.setattr("services.reporting.store.transitions.cover", cover)
    with pytest.raises(ValueError, match="whatever"):
        await tick(db, at("08:00"))
    await learn(db, plan(), counter(), punch("in", at("07:20")))
    with pytest.raises(ExceptionGroup) as caught:
        await tick(db, at("08:00"))
    assert [error.__notes__ for error in caught.value.exceptions] == [["unit counter-a"]]
    assert asked == [None, None, ["counter-a"]]
    assert {row["topic"] for row in await rows(db)} == {"compliance.changed.v1"}


async def test_who_cannot_be_judged_hides_nobody_else_from_a_view(db: Database) -> None:
    await learn(db, plan(), punch("in", at("07:20")))
    await drain(db, at("09:00"))
    async with db.read() as tx:
        alone = (await look_at(tx, THURSDAY, at("09:00"))).people
    bad = await store_plan(db, str(THURSDAY), "294276-12-31 23:59:59+00")
    for who in (bad, None):
        await store_row(db, "delete from touched")
        await store_row(db, "insert into touched (work_date, employee_id) values ($1, $2)", THURSDAY, who)
        async with db.read() as tx:
            board = await look_at(tx, THURSDAY, at("09:00"))
            assert board.people == alone
            listed = await figures.of_opd(tx, "OPD-2", THURSDAY, at("09:00"), None, 10)
        assert listed == []
