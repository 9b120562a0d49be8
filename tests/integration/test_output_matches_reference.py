"""What a report comes to, at every instant, is what the slow reading of its revisions and reviews says."""

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.periods import OpdTotals, Period, total
from services.reporting.store import output
from services.reporting.views import periods
from shared.events import ReportItem, ReportReviewed, ReportSubmitted, ReviewedItem
from tests.integration.test_figures_match_verdicts import touches
from tests.integration.test_steps_match_reference import around
from tests.integration.test_verdicts_match_reference import QUIET, SPAN, Database, World, db, facts_of
from tests.kit import worlds
from tests.kit.oracle import Output, fold, output_of

__all__ = ["db"]

EVER = (dt.date(1900, 1, 1), dt.date(2999, 12, 31))
QUANTITIES = st.sampled_from([0.0, 0.1, 1.0, 2.5, 3.0])
items = st.lists(
    st.builds(
        ReportItem,
        item_id=st.sampled_from(["1", "2", "3"]),
        task=st.sampled_from(["file letters", "answer", ""]),
        quantity=QUANTITIES,
        unit=st.just("u"),
        norm_minutes=st.sampled_from([None, 0.1, 7.5, 60.0]),
        task_code=st.sampled_from([None, None, "T-1", "T-2"]),
    ),
    max_size=3,
    unique_by=lambda item: item.item_id,
)
accepted = st.lists(
    st.builds(ReviewedItem, item_id=st.sampled_from(["1", "2", "3", "4"]), accepted_quantity=QUANTITIES),
    max_size=3,
    unique_by=lambda item: item.item_id,
)


@st.composite
def reported(draw: st.DrawFn) -> World:
    """A world whose reports hold several tasks, and reviews of some of their items."""
    world, instants = draw(worlds.worlds())
    events: worlds.World = []
    for ce_id, event in world:
        if isinstance(event, ReportSubmitted):
            events.append((ce_id, event.model_copy(update={"items": draw(items)})))
        elif isinstance(event, ReportReviewed):
            events.append((ce_id, event.model_copy(update={"items": draw(accepted)})))
        else:
            events.append((ce_id, event))
    return events, instants


def summed(rows: Sequence[output.Sum]) -> dict[tuple[str, str], Output]:
    found: dict[tuple[str, str], Output] = {}
    for row in rows:
        one = Output(Fraction(row.earned), Fraction(row.waiting), row.submitted, row.without_review, row.returned)
        key = row.opd_code, row.key
        found[key] = found.get(key, Output()) + one
    return {key: one for key, one in found.items() if one != Output()}


def expected(facts: Any, date: dt.date, t: dt.datetime, by: output.By) -> dict[tuple[str, str], Output]:
    found: dict[tuple[str, str], Output] = {}
    for plan in facts.plans:
        if plan.work_date != date:
            continue
        for task, one in output_of(facts, plan, t).items():
            if (task == "") == (by == "task"):
                continue
            key = {"opd": plan.opd_code, "unit": plan.unit_id, "mode": plan.mode, "task": task}[by]
            place = plan.opd_code, key
            found[place] = found.get(place, Output()) + one
    return {key: one for key, one in found.items() if one != Output()}


def of_people(facts: Any, t: dt.datetime, *, tasks: bool) -> dict[tuple[UUID, str, str], Output]:
    found: dict[tuple[UUID, str, str], Output] = {}
    for plan in facts.plans:
        for task, one in output_of(facts, plan, t).items():
            if plan.mode in ("WFO", "WFH") and (task != "") == tasks:
                key = plan.employee_id, task, plan.mode
                part = Output(one.earned, submitted=one.submitted, without_review=one.without_review)
                found[key] = found.get(key, Output()) + part
    return {key: one for key, one in found.items() if one != Output()}


@QUIET
@given(given=reported(), touched=touches)
async def test_sums_equal_the_reference_around_every_edge_whatever_has_been_computed(
    db: Database, given: World, touched: Sequence[tuple[dt.date | None, UUID | None]]
) -> None:
    world, instants = given
    known = fold(world)
    told = [getattr(event, name, None) for _, event in world for name in ("submitted_at", "reviewed_at")]
    async with facts_of(db, world) as tx:
        await tx.connection.execute("delete from touched")
        for date in worlds.DATES:
            people = [plan.employee_id for plan in known.plans if plan.work_date == date]
            await output.compute(tx, date, people)
            assert await output.differing(tx, date) == []
        for date, person in touched:
            await tx.connection.execute(
                "insert into touched (work_date, employee_id) values ($1, $2)", date, person
            )
            lie = "update {} set opd_code = 'nobody' where ($1::date is null or work_date = $1)"
            for table in ("person_output", "person_task"):
                await tx.connection.execute(
                    lie.format(table) + " and ($2::uuid is null or employee_id = $2)", date, person
                )
        for date in {plan.work_date for plan in known.plans}:
            assert await output.differing(tx, date) == []
            for t in around([instants[0], *(instant for instant in told if instant is not None)]):
                for by in ("opd", "unit", "task", "mode"):
                    assert summed(await output.sums(tx, date, t, by=by)) == expected(known, date, t, by), (t, by)
        for tasks in (False, True):
            found: dict[tuple[UUID, str, str], Output] = {}
            for one in await output.by_person(tx, Period(*SPAN), instants[0], tasks=tasks):
                key = one.employee_id, one.task, one.mode
                part = Output(Fraction(one.earned), submitted=one.submitted, without_review=one.without_review)
                found[key] = found.get(key, Output()) + part
            assert {key: one for key, one in found.items() if one != Output()} == of_people(
                known, instants[0], tasks=tasks
            )
        opd = known.plans[0].opd_code
        date = known.plans[0].work_date
        assert summed(await output.sums(tx, date, instants[0], opd)) == {
            key: one for key, one in expected(known, date, instants[0], "opd").items() if key[0] == opd
        }


@QUIET
@given(given=reported())
async def test_what_is_stored_is_written_once_and_goes_with_its_report(db: Database, given: World) -> None:
    world, _ = given
    known = fold(world)
    stored = "select *, xmin::text as version from {} order by work_date, employee_id"
    async with facts_of(db, world) as tx:
        people = list(worlds.PEOPLE)

        async def rows() -> list[dict[str, Any]]:
            return [
                dict(row)
                for table in ("person_output", "person_task")
                for row in await tx.connection.fetch(stored.format(table))
            ]

        async def compute() -> None:
            for date in worlds.DATES:
                await output.compute(tx, date, people)

        await compute()
        before = await rows()
        reporters = {(report.employee_id, report.work_date) for report in known.reports}
        planned = {(plan.employee_id, plan.work_date) for plan in known.plans}
        assert {(row["employee_id"], row["work_date"]) for row in before} <= reporters & planned
        await compute()
        assert await rows() == before
        await tx.connection.execute("delete from fact_report")
        await compute()
        assert await rows() == []


@QUIET
@given(given=reported(), by_date=st.booleans())
async def test_a_period_is_the_sum_of_its_dates(db: Database, given: World, by_date: bool) -> None:
    world, (t, *_) = given
    async with facts_of(db, world) as tx:
        period = Period(*SPAN)
        seen = await periods.look_at(tx, period, t)
        days = [one async for one in periods.days(tx, period, t)]
        assert [date for date, _ in days] == list(period)
        assert (
            total(seen.by_day.values()) == seen.city() == total(totals for _, of in days for totals in of.values())
        )
        for code, totals in seen.opds.items():
            alone = await periods.look_at(tx, period, t, code)
            assert dict(alone.opds) == {code: totals}
            for name, metric in totals.metrics().items():
                assert metric.low is None or metric.high is None or metric.low <= metric.high, name
        assert total([]) == OpdTotals()
