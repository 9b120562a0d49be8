"""What would have been by other rules or another policy: judged by the statements of every day, and never kept."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from hypothesis import given, settings

from services.reporting.commands import facts
from services.reporting.domain.periods import Period
from services.reporting.domain.whatif import Question
from services.reporting.views import whatif
from services.reporting.views.whatif import WhatIf
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.properties import SLOW_IS_FINE
from tests.kit.reporting import OPD, plan, received

SOME = settings(max_examples=8, deadline=None, suppress_health_check=SLOW_IS_FINE)
LATER = dt.datetime(2025, 11, 20, tzinfo=dt.UTC)
TABLES = (
    *("fact_plan", "fact_punch", "fact_void", "fact_outage", "fact_unit", "fact_calendar", "fact_rules"),
    *("fact_report", "fact_review", "touched", "touched_counter", "person_day", "counter_day"),
)


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def known(db: Database, *events: Any) -> None:
    """These facts alone."""
    async with db.transaction() as tx:
        for table in TABLES:
            await tx.connection.execute(f"delete from {table}")  # noqa: S608 - a constant
        await facts.apply(tx, list(events))


async def ask(db: Database, first: dt.date, last: dt.date, as_of: dt.datetime = LATER, **asked: Any) -> WhatIf:
    question = Question.model_validate({"from": first, "to": last, **asked})
    return await whatif.answer(db, question, Period(first, last), as_of, "en")


def without_change(answer: WhatIf) -> bool:
    return all(one.before == one.after for one in (answer.city, *answer.opds))


@SOME
@given(given=worlds.worlds())
async def test_the_rules_and_the_policy_that_held_change_nothing(
    db: Database, given: tuple[worlds.World, list[dt.datetime]]
) -> None:
    """Nor does a question that several dates are asked with; and what is supposed is what is judged then."""
    world, instants = given
    await known(db, *worlds.received(world))
    first, last = worlds.DATES[0], worlds.DATES[-1]
    async with db.read() as tx:
        rows = await tx.connection.fetch(
            "select distinct (extract(epoch from tolerance) / 60)::int as tolerance, report_modes, "
            "cutoff::text as cutoff, review_sla_working_days as sla "
            "from generate_series(0, 3) as i, rules_in_force($1::date + i::int)",
            first,
        )
        modes = await tx.connection.fetch("select distinct opd_code from fact_plan where mode = 'WFO'")
    if len(rows) == 1:
        (row,) = rows
        same = {"tolerance_minutes": row["tolerance"], "report_cutoff": row["cutoff"]}
        held = {**same, "report_modes": row["report_modes"], "review_sla_working_days": row["sla"]}
        for instant in instants[:2]:
            assert without_change(await ask(db, first, last, instant, rules=held))
    never = {"share": 1, "units_never": [*worlds.UNITS, "back-office"]}
    nobody = await ask(db, first, last, instants[0], policy=never)
    assert without_change(nobody)
    assert (nobody.city.moved_person_days, nobody.city.before) == (0, nobody.city.after)
    home = await ask(db, first, last, instants[0], policy={"share": 1})
    assert home.city.after.modes["WFO"] == 0
    assert home.city.moved_person_days == home.city.before.modes["WFO"]
    assert {one.opd_code for one in home.opds if one.moved_person_days} == {row["opd_code"] for row in modes}
    assert (await ask(db, first, last, instants[0], policy=never)) == nobody


@SOME
@given(given=worlds.worlds())
async def test_supposed_rules_judge_as_the_same_rules_do_in_earnest(
    db: Database, given: tuple[worlds.World, list[dt.datetime]]
) -> None:
    world, instants = given
    first, last = worlds.DATES[0], worlds.DATES[-1]
    asked = {
        "tolerance_minutes": 7,
        "report_modes": ["WFH"],
        "report_cutoff": "16:30",
        "review_sla_working_days": 1,
    }
    await known(db, *worlds.received(world))
    supposed = await ask(db, first, last, instants[0], rules=asked)
    async with db.transaction() as tx:
        await tx.connection.execute("update fact_rules set effective_from = date '2030-01-01'")
        await tx.connection.execute(
            "insert into fact_rules (rules_version, effective_from, tolerance_minutes, report_modes, "
            "report_cutoff, review_sla_working_days, revision, ce_id) "
            "values ('r', '2000-01-01', 7, '[\"WFH\"]', '16:30', 1, 0, $1)",
            uuid4(),
        )
        await tx.connection.execute("insert into touched values (null, null, null, null) on conflict do nothing")
    in_earnest = await ask(db, first, last, instants[0], rules=asked)
    assert supposed.city.after == in_earnest.city.before
    assert [one.after for one in supposed.opds] == [one.before for one in in_earnest.opds]
    assert without_change(in_earnest)


@SOME
@given(given=worlds.worlds())
async def test_a_supposed_policy_judges_as_the_same_plans_do_in_earnest(
    db: Database, given: tuple[worlds.World, list[dt.datetime]]
) -> None:
    world, instants = given
    first, last = worlds.DATES[0], worlds.DATES[-1]
    await known(db, *worlds.received(world))
    supposed = await ask(db, first, last, instants[0], policy={"share": 1})
    async with db.transaction() as tx:
        changed = "update fact_plan set mode = 'WFH' where mode = 'WFO' and work_date between $1 and $2"
        await tx.connection.execute(changed, first, last)
        await tx.connection.execute("insert into touched values (null, null, null, null) on conflict do nothing")
    in_earnest = await ask(db, first, last, instants[0], policy={"share": 1})
    assert supposed.city.after == in_earnest.city.before
    assert without_change(in_earnest)


async def test_shares_take_turns_and_those_at_home_count(db: Database) -> None:
    """Five people of a unit, one at home: of a half, two at home leave one more to go, another each day."""
    people = sorted(uuid4() for _ in range(5))
    days = [dt.date(2025, 11, 3) + dt.timedelta(nth) for nth in range(8)]
    plans = [
        plan(person, OPD, "OFFICE", "WFH" if person == people[4] else "WFO", day)
        for person in people
        for day in days
    ]
    await known(db, *map(received, plans))
    weekly = await ask(db, days[0], days[7], policy={"share": 0.5, "turns": "weekly"})
    daily = await ask(db, days[0], days[3], policy={"share": 0.5})
    none = await ask(db, days[0], days[7], policy={"share": 0.39})
    friday = await ask(db, days[0], days[7], policy={"share": 1, "weekdays": [4]})
    assert (weekly.city.moved_person_days, weekly.city.moved_people) == (8, 2)
    assert (daily.city.moved_person_days, daily.city.moved_people) == (4, 4)
    assert none.city.moved_person_days == 0
    assert (friday.city.moved_person_days, friday.city.after.modes["WFO"]) == (4, 28)
    assert {one.code for one in friday.assumptions} >= {"output_as_it_was", "nobody_back"}
