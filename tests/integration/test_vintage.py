"""The digest of a period's facts: the same for the same facts, another for each that the figures can depend on."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.commands import facts
from services.reporting.domain.periods import OpdTotals, Period
from services.reporting.views import periods, vintage
from tests.integration.test_verdicts_match_reference import Database, World, db, facts_of
from tests.kit import worlds
from tests.kit.properties import SLOW_IS_FINE

__all__ = ["db"]

FEW = settings(max_examples=40, deadline=None, suppress_health_check=SLOW_IS_FINE)
PERIOD = Period(worlds.DATES[0], worlds.DATES[-1])
LATER = worlds.at(dt.date(2026, 3, 1), "12:00")


@FEW
@given(given=worlds.worlds(counters=True), data=st.data())
async def test_it_depends_on_the_facts_alone(db: Database, given: World, data: st.DataObject) -> None:
    world, _ = given
    shuffled = data.draw(st.permutations(world))
    async with facts_of(db, world) as tx:
        one = await vintage.of_period(tx, PERIOD, LATER)
    async with facts_of(db, shuffled) as tx:
        await facts.apply(tx, worlds.received(world[:1]))
        assert await vintage.of_period(tx, PERIOD, LATER) == one


@FEW
@given(given=worlds.worlds(counters=True), data=st.data())
async def test_where_the_figures_differ_the_facts_do(db: Database, given: World, data: st.DataObject) -> None:
    world, (t, other, *_) = given
    part = [event for event in world if data.draw(st.booleans())]
    seen: list[tuple[dt.datetime, dict[dt.date, OpdTotals], str]] = []
    for events, instant in ((world, t), (part, t), (world, other)):
        async with facts_of(db, events) as tx:
            looked = await periods.look_at(tx, PERIOD, instant)
            digest = (await vintage.of_period(tx, PERIOD, instant)).facts_digest
            seen.append((instant, dict(looked.by_day), digest))
    assert seen[0][1] == seen[1][1] or seen[0][2] != seen[1][2]


async def test_what_came_later_or_lies_elsewhere_leaves_it_as_it_is(db: Database) -> None:
    def report(day: int, hour: int, revision: int) -> worlds.ReportSubmitted:
        date = dt.date(2025, 11, day)
        return worlds.ReportSubmitted(
            report_id=worlds.uuid5(worlds.PEOPLE[0], str(date)), employee_id=worlds.PEOPLE[0], opd_code="OPD-1",
            work_date=date, revision=revision, submitted_at=worlds.at(date, f"{hour}:00"), items=[],
        )  # fmt: skip

    ids = [worlds.UUID(int=n) for n in range(1, 5)]
    noon = worlds.at(worlds.THURSDAY, "12:00")
    first, later, elsewhere = report(6, 11, 1), report(6, 13, 2), report(20, 11, 1)
    async with facts_of(db, [(ids[0], first)]) as tx:
        one = await vintage.of_period(tx, PERIOD, noon)
        assert one.last_fact_at == first.submitted_at
        await facts.apply(tx, worlds.received([(ids[1], later), (ids[2], elsewhere)]))
        assert await vintage.of_period(tx, PERIOD, noon) == one
        after = await vintage.of_period(tx, PERIOD, worlds.at(worlds.THURSDAY, "14:00"))
        assert after.facts_digest != one.facts_digest
        assert after.last_fact_at == later.submitted_at


async def test_it_names_the_rules_and_policies_that_held(db: Database) -> None:
    def rules(version: str, since: int) -> worlds.RulesChanged:
        return worlds.RulesChanged(
            rules_version=version, effective_from=dt.date(2025, 11, since), tolerance_minutes=0,
            report_modes=["WFO"], report_cutoff="17:00", review_sla_working_days=1,
        )  # fmt: skip

    def plan(person: int, policy: str | None) -> worlds.ScheduleChanged:
        return worlds.ScheduleChanged(
            employee_id=worlds.PEOPLE[person], opd_code="OPD-1", unit_id="counter-a", work_date=worlds.THURSDAY,
            revision=1, mode="OFF", starts_at=None, ends_at=None, policy_version=policy,
        )  # fmt: skip

    events = [
        rules("old", 1),
        rules("used", 4),
        rules("new", 7),
        rules("ahead", 20),
        plan(0, "stage-2"),
        plan(1, None),
    ]
    async with facts_of(db, [(worlds.UUID(int=n), event) for n, event in enumerate(events, 1)]) as tx:
        seen = await vintage.of_period(tx, Period(worlds.THURSDAY, worlds.DATES[-1]), LATER)
    assert seen.rules_versions == ["new", "used"]
    assert seen.policy_versions == ["stage-2"]
    assert seen.last_fact_at is None
