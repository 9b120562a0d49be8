"""A person's month is what the slow reading of the rules makes of their days, however far the steps have come."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given, settings

from services.reporting.domain.figures import States
from services.reporting.domain.monthly import Month
from services.reporting.views import monthly
from services.reporting.views.monthly import Look
from shared.database import Tx
from shared.events import DUTIES
from tests.integration.test_figures_match_verdicts import Broad, computed_but_for, touches
from tests.integration.test_verdicts_match_reference import Database, World, db, facts_of
from tests.kit import worlds
from tests.kit.oracle import Facts, day_of, fold, verdict
from tests.kit.properties import SLOW_IS_FINE

__all__ = ["db"]

QUIET = settings(max_examples=40, deadline=None, suppress_health_check=SLOW_IS_FINE)

NOVEMBER = Month(2025, 11)
MINUTE = dt.timedelta(minutes=1)


def look(as_of: dt.datetime) -> Look:
    return Look(NOVEMBER, as_of, NOVEMBER.first)


def by_hand(known: Facts, person: UUID, t: dt.datetime) -> dict[str, object]:
    """One's month, day by day."""
    late = early = absent = 0
    worked = dt.timedelta()
    states: Counter[States] = Counter()
    run = longest = 0
    for plan in sorted(
        (plan for plan in known.plans if plan.employee_id == person), key=lambda plan: plan.work_date
    ):
        of_day = verdict(known, person, plan.work_date, t)
        states[States(plan.mode, tuple(of_day[duty] for duty in DUTIES))] += 1  # pyright: ignore[reportArgumentType]
        punches = [punch for punch in day_of(known, plan).punches if punch.at <= t]
        first = min((punch.at for punch in punches if punch.kind == "in"), default=None)
        out = max((punch.at for punch in punches if punch.kind == "out"), default=None)
        last = out if first and out and out > first else None
        missed_both = of_day["on_time"] == of_day["hours"] == "not_met" and first is None
        absent += missed_both
        run = run + 1 if missed_both else run if plan.mode == "OFF" else 0
        longest = max(longest, run)
        if plan.starts_at and plan.ends_at and first:
            if of_day["on_time"] == "not_met":
                late += (first - plan.starts_at) // MINUTE
            if of_day["hours"] == "not_met" and last and last < plan.ends_at:
                early += (plan.ends_at - last) // MINUTE
            if last and of_day["hours"] != "not_due":
                worked += last - first
    return {
        "late_minutes": late,
        "early_minutes": early,
        "absent_days": absent,
        "absent_days_year": absent,
        "minutes_year": late + early,
        "longest_absence": longest,
        "hours": worked / dt.timedelta(hours=1),
        "person_days": Counter({mode: n for mode, n in _modes(states).items() if n}),
        "duties": {duty: _of_duty(states, nth) for nth, duty in enumerate(DUTIES)},
    }


def _modes(states: Counter[States]) -> Counter[str]:
    modes: Counter[str] = Counter()
    for one, n in states.items():
        modes[one.mode] += n
    return modes


def _of_duty(states: Counter[States], nth: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for one, n in states.items():
        found[one.states[nth]] += n
    return found


def said(item: monthly.MonthItem, names: Sequence[str]) -> dict[str, object]:
    """The same members as `by_hand` has, without zeros."""
    members = item.model_dump(include=set(names))
    members["person_days"] = Counter({mode: n for mode, n in item.person_days.items() if n})
    members["duties"] = {
        duty: Counter({state: n for state, n in counts.items() if n}) for duty, counts in item.duties.items()
    }
    return members


async def _city(tx: Tx, t: dt.datetime) -> dict[UUID, monthly.MonthItem]:
    return {item.employee_id: item async for item in monthly.everyone(tx, look(t))}


@QUIET
@given(given=worlds.worlds(), touched=touches)
async def test_a_month_equals_the_reference(db: Database, given: World, touched: Sequence[Broad]) -> None:
    world, instants = given
    known = fold(world)
    async with facts_of(db, world) as tx:
        await computed_but_for(tx, touched)
        for t in instants:
            of_city = await _city(tx, t)
            assert set(of_city) == {plan.employee_id for plan in known.plans}
            for person, item in of_city.items():
                expected = by_hand(known, person, t)
                assert said(item, [*expected]) == expected
                of_person = await monthly.of_person(tx, look(t), person)
                assert {name: getattr(of_person, name) for name in dict(item)} == dict(item)
            for opd in worlds.OPDS:
                page = await monthly.of_opd(tx, look(t), opd, None, 100)
                there = {plan.employee_id for plan in known.plans if plan.opd_code == opd}
                assert [item.employee_id for item in page] == sorted(there)
                assert page == [of_city[item.employee_id] for item in page]
                assert page == [item async for item in monthly.everyone(tx, look(t), opd)]


@QUIET
@given(given=worlds.worlds())
async def test_a_preview_is_the_final_figure_where_nothing_has_changed_since(db: Database, given: World) -> None:
    """Once nothing is pending and no fact is to come, later looks differ in what they call themselves alone."""
    world, _ = given
    early, later = (dt.datetime(2025, 11, day, tzinfo=dt.UTC) for day in (29, 30))
    async with facts_of(db, world) as tx:
        await computed_but_for(tx, [])
        preview = await _city(tx, early)
        final = await _city(tx, dt.datetime(2025, 12, 2, tzinfo=dt.UTC))
        assert await _city(tx, later) == preview
        assert {item.standing for item in preview.values()} <= {"preview"}
        assert {item.standing for item in final.values()} <= {"final"}
        renamed = {person: item.model_copy(update={"standing": "final"}) for person, item in preview.items()}
        assert renamed == final
