"""The rotation and the solver keep every limit, whatever the people, hours and requests are."""

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scheduling.domain.counters import openings_on
from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import (
    DUTY_TRAVEL,
    LEAVE,
    OFF,
    REASONS,
    WFH,
    WFO,
    Away,
    Category,
    Person,
    Span,
    UnitInput,
    Wish,
    floor_share,
)
from services.scheduling.domain.policies import Policy, PolicyIn
from services.scheduling.domain.records import Opening, RequirementSet
from services.scheduling.domain.roster import plan_unit
from services.scheduling.domain.timetable import Hours, Pattern, SpecialHours, hours_on
from services.scheduling.planning import compute
from services.scheduling.planning.solver import solve_unit

MONDAY = dt.date(2025, 12, 1)
CHRISTMAS = frozenset({dt.date(2025, 12, 25), dt.date(2025, 12, 26)})
ALL_WEEK = tuple(range(7))


def policy(kind: str = "rotation", parameters: dict[str, Any] | None = None, **limits: Any) -> Policy:
    content = PolicyIn.model_validate(
        {
            "policy_id": "p",
            "effective_from": "2025-11-01",
            "scope": {"all": True},
            "kind": kind,
            "parameters": parameters or {"share": 0.5},
            "limits": limits,
        }
    )
    return Policy("p", 1, content)


def people(count: int, timetable: str = "five_day") -> tuple[Person, ...]:
    return tuple(Person(UUID(int=n + 1), Pattern(timetable)) for n in range(count))


def unit(members: tuple[Person, ...], minimum: int | None = None, **more: Any) -> UnitInput:
    openings = (Opening((0, 1, 2, 3, 4), "08:00", "15:00", minimum or 1, False),)
    requirements = (RequirementSet("U", dt.date(2025, 1, 1), openings),) if minimum else ()
    return UnitInput("U", "1.01", "dinas", False, members, requirements, **more)


def span(days: int = 28, **more: Any) -> Span:
    return Span(MONDAY, MONDAY + dt.timedelta(days - 1), CHRISTMAS, **more)


def home_days(roster: UnitRoster) -> list[int]:
    return [modes.count(WFH) for modes in roster.modes]


def reasons_of(roster: UnitRoster, index: int) -> set[str]:
    return {REASONS[code] for code in roster.reasons[index]}


# --- A slow, plain judge of a roster, written from docs/rules.md alone -----------------------------------------


def on_site(
    one: UnitInput, when: Span, roster: UnitRoster, day: dt.date, minute: int, *, if_nobody_home: bool
) -> int:
    """People whose WFO plan covers a minute of a date, night shifts included."""
    count = 0
    for person, modes in zip(one.people, roster.modes, strict=True):
        for back in (0, 1):
            worked = day - dt.timedelta(back)
            number = (worked - when.first).days
            hours = hours_on(person.pattern, worked, holiday=worked in when.holidays, special=one.special)
            if hours is None or not hours[0] <= minute + back * 1440 < hours[1]:
                continue
            if 0 <= number < len(modes):
                there = modes[number] == WFO or (if_nobody_home and modes[number] == WFH)
            else:
                there = not any(away.from_date <= worked <= away.to_date for away in person.away)
            count += there
    return count


def assert_minimums(one: UnitInput, when: Span, roster: UnitRoster) -> None:
    for day in when.days:
        for opens, closes, least in openings_on(one.requirements, day, holiday=day in when.holidays):
            for minute in range(opens, closes, 30):
                possible = on_site(one, when, roster, day, minute, if_nobody_home=True)
                there = on_site(one, when, roster, day, minute, if_nobody_home=False)
                assert there >= min(least, possible), (day, minute)


def assert_absences_win(one: UnitInput, when: Span, roster: UnitRoster) -> None:
    for person, modes in zip(one.people, roster.modes, strict=True):
        for number, day in enumerate(when.days):
            away = [a for a in person.away if a.from_date <= day <= a.to_date]
            hours = hours_on(person.pattern, day, holiday=day in when.holidays, special=one.special)
            if any(a.category == "duty_travel" for a in away):
                assert modes[number] == DUTY_TRAVEL
            elif hours is None:
                assert modes[number] == OFF
            elif away:
                assert modes[number] == LEAVE
            else:
                assert modes[number] in (WFO, WFH)


def assert_limits(one: UnitInput, when: Span, roster: UnitRoster) -> None:
    [rule] = when.policies
    limits = rule.content.limits
    for number, day in enumerate(when.days):
        working = sum(modes[number] in (WFO, WFH) for modes in roster.modes)
        home = sum(modes[number] == WFH for modes in roster.modes)
        share = getattr(rule.content.parameters, "share", 1.0)
        caps = [share, 1.0 if limits.max_unit_share is None else limits.max_unit_share]
        assert home <= floor_share(min(caps), working)
        for pair in one.apart:
            both = [i for i, person in enumerate(one.people) if person.employee_id in pair]
            assert sum(roster.modes[i][number] == WFH for i in both) <= 1
        if limits.max_days_per_week is not None:
            monday = number - day.weekday()
            for modes in roster.modes:
                assert modes[max(0, monday) : monday + 7].count(WFH) <= limits.max_days_per_week
    if limits.never_two_in_a_row:
        assert all(bytes([WFH, WFH]) not in bytes(modes) for modes in roster.modes)


@st.composite
def cases(draw: st.DrawFn) -> tuple[UnitInput, Span]:
    days = draw(st.integers(1, 16))
    when = Span(
        draw(st.sampled_from([MONDAY, dt.date(2025, 12, 18)])),
        dt.date(2025, 1, 1),
        CHRISTMAS,
        (
            policy(
                *draw(
                    st.sampled_from(
                        [
                            ("rotation", {"share": 0.5}),
                            ("rotation", {"share": 1.0}),
                            ("rotation", {"share": 0.34, "turn": "weekly"}),
                            ("weekday", {"weekdays": [3]}),
                            ("weekday", {"weekdays": [0, 1, 2, 3, 4, 5, 6]}),
                        ]
                    )
                ),
                max_unit_share=draw(st.sampled_from([None, 0.25, 0.6])),
                max_days_per_week=draw(st.sampled_from([None, 1, 2])),
                never_two_in_a_row=draw(st.booleans()),
            ),
        ),
        draw(st.integers(0, 3)),
    )
    when = replace(when, last=when.first + dt.timedelta(days - 1))
    date = st.integers(-3, days + 2).map(lambda n: when.first + dt.timedelta(n))
    members: list[Person] = []
    for n in range(draw(st.integers(1, 9))):
        away: tuple[Away, ...] = ()
        if draw(st.booleans()):
            start = draw(date)
            category: Category = draw(st.sampled_from(["leave", "duty_travel"]))
            away = (Away(start, start + dt.timedelta(draw(st.integers(0, 4))), category),)
        timetable = draw(st.sampled_from(["five_day", "six_day", "shift"]))
        group = draw(st.integers(0, 3)) if timetable == "shift" else None
        wishes = {
            one.day: one
            for one in draw(st.lists(st.builds(Wish, date, st.sampled_from(["WFO", "WFH"])), max_size=2))
        }
        members.append(
            Person(UUID(int=n + 1), Pattern(timetable, group), away=away, wishes=tuple(wishes.values()))
        )
    hours = draw(st.sampled_from([("08:00", "15:00"), ("00:00", "24:00"), ("05:30", "08:30"), ("12:00", "23:30")]))
    least = draw(st.integers(1, len(members)))
    weekdays = draw(st.sampled_from([ALL_WEEK, (0, 1, 2, 3, 4)]))
    openings = (Opening(weekdays, *hours, least, draw(st.booleans())),)
    requirements = (RequirementSet("U", dt.date(2025, 1, 1), openings),) if draw(st.booleans()) else ()
    apart = ((UUID(int=1), UUID(int=2)),) if len(members) > 1 and draw(st.booleans()) else ()
    return UnitInput("U", "1.01", "dinas", False, tuple(members), requirements, apart=apart), when


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_the_rotation_keeps_minimums_absences_and_limits_and_is_deterministic(
    case: tuple[UnitInput, Span],
) -> None:
    one, when = case
    roster = plan_unit(one, when)
    assert_absences_win(one, when, roster)
    assert_minimums(one, when, roster)
    assert_limits(one, when, roster)
    assert plan_unit(one, when).modes == roster.modes


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_the_solver_keeps_minimums_absences_and_limits_and_is_deterministic(case: tuple[UnitInput, Span]) -> None:
    one, when = case
    roster = solve_unit(one, when)
    assert_absences_win(one, when, roster)
    assert_minimums(one, when, roster)
    assert_limits(one, when, roster)
    assert solve_unit(one, when).modes == roster.modes


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.sampled_from([0.2, 0.5, 0.75]), st.integers(0, 99), st.integers(0, 3))
def test_wfh_days_of_those_always_there_differ_by_at_most_one(
    count: int, share: float, seed: int, away_people: int
) -> None:
    members = tuple(
        replace(person, away=(Away(MONDAY, MONDAY + dt.timedelta(6), "leave"),)) if n < away_people else person
        for n, person in enumerate(people(count))
    )
    roster = plan_unit(unit(members, minimum=1), span(policies=(policy(parameters={"share": share}),), seed=seed))
    days = home_days(roster)[away_people:]
    assert not days or max(days) - min(days) <= 1


def test_half_of_a_unit_takes_turns() -> None:
    roster = plan_unit(unit(people(10)), span(7, policies=(policy(),)))
    for number in range(5):
        assert sum(modes[number] == WFH for modes in roster.modes) == 5
    assert all(modes[0] != modes[1] for modes in roster.modes)


def test_weekly_turns_keep_people_at_one_place_for_the_week() -> None:
    roster = plan_unit(unit(people(10)), span(14, policies=(policy(parameters={"share": 0.5, "turn": "weekly"}),)))
    for modes in roster.modes:
        assert modes[:5].count(WFH) in (0, 5)
        assert modes[:5].count(WFH) + modes[7:12].count(WFH) == 5


def test_a_counter_keeps_its_minimum_and_the_blocking_hours_are_named() -> None:
    thursday = policy("weekday", {"weekdays": [3]})
    roster = plan_unit(unit(people(5), minimum=4), span(7, policies=(thursday,)))
    assert [sum(modes[n] == WFH for modes in roster.modes) for n in range(7)] == [0, 0, 0, 1, 0, 0, 0]
    [blocked] = roster.blocked
    assert (blocked.wanted, blocked.given, blocked.constraints) == (5, 1, {"minimum": 4})
    assert blocked.hours == ((480, 900),)
    assert {one.on_site for one in roster.segments if one.day == 3} == {4}


def test_a_minimum_that_absences_break_is_reported_and_nobody_is_sent_home() -> None:
    gone = Away(MONDAY, MONDAY, "leave")
    members = tuple(replace(p, away=(gone,)) if n < 3 else p for n, p in enumerate(people(5)))
    roster = plan_unit(unit(members, minimum=3), span(1, policies=(policy(parameters={"share": 1.0}),)))
    assert home_days(roster) == [0] * 5
    [short] = roster.shortages
    assert (short.required, short.on_site, short.because) == (3, 2, "absence")


def test_an_hour_that_no_timetable_covers_is_reported_as_such() -> None:
    openings = (Opening((0,), "08:00", "17:00", 1, False),)
    one = UnitInput("U", "1.01", "dinas", False, people(3), (RequirementSet("U", MONDAY, openings),))
    [short] = plan_unit(one, span(1, policies=(policy(),))).shortages
    assert (short.start, short.end, short.because) == (960, 1020, "timetable")


def test_a_night_shift_counts_after_midnight() -> None:
    # Group 0..3 so that exactly one person starts at 23:00 on each date.
    members = tuple(Person(UUID(int=n + 1), Pattern("shift", n)) for n in range(4))
    openings = (Opening(ALL_WEEK, "00:00", "24:00", 1, True),)
    one = UnitInput("U", "1.01", "dinas", True, members, (RequirementSet("U", MONDAY, openings),))
    roster = plan_unit(one, span(4, policies=(policy(parameters={"share": 1.0}),)))
    assert roster.shortages == []
    assert home_days(roster) == [0] * 4


def test_each_limit_keeps_its_people_at_the_office_and_says_why() -> None:
    day = MONDAY + dt.timedelta(3)
    base = Person(UUID(int=1), Pattern("five_day"))
    cases = {
        "echelon": (replace(base, echelon="III"), {"never_echelons": ["II", "III", "IV"]}),
        "head": (replace(base, is_head=True), {"never_heads_of": ["dinas"]}),
        "discipline": (replace(base, discipline_until=day), {"never_under_discipline": True}),
        "new_in_post": (replace(base, post_since=day - dt.timedelta(89)), {"days_after_post_change": 90}),
        "unit_excluded": (base, {"never_units": ["U"]}),
        "opd_excluded": (base, {"never_opds": ["1.01"]}),
    }
    for reason, (person, limits) in cases.items():
        rule = policy("weekday", {"weekdays": [3]}, **limits)
        roster = plan_unit(unit((person, *people(2)[1:])), Span(day, day, policies=(rule,)))
        assert reasons_of(roster, 0) == {reason}
        free = plan_unit(unit((base,)), Span(day, day, policies=(policy("weekday", {"weekdays": [3]}),)))
        assert home_days(free) == [1]
    spent = unit(people(4), budget_spent=True)
    for rule, gone in (
        (policy("weekday", {"weekdays": [3]}, not_while_budget_spent=True), 4),
        (policy(parameters={"share": 0.5}, not_while_budget_spent=True), 2),
    ):
        for method in (plan_unit, solve_unit):
            roster = method(spent, Span(day, day, policies=(rule,)))
            assert {code for index in range(4) for code in reasons_of(roster, index)} == {"budget_spent"}
            [blocked] = roster.blocked
            assert (blocked.wanted, blocked.given, blocked.constraints) == (gone, 0, {"budget_spent": 4})
        recovered = plan_unit(replace(spent, budget_spent=False), Span(day, day, policies=(rule,)))
        assert sum(home_days(recovered)) == gone
        assert recovered.blocked == []
    unminded = plan_unit(spent, Span(day, day, policies=(policy("weekday", {"weekdays": [3]}),)))
    assert sum(home_days(unminded)) == 4
    direct = replace(unit(people(2)), direct_service=True)
    rule = policy("weekday", {"weekdays": [3]}, never_direct_service=True)
    assert reasons_of(plan_unit(direct, Span(day, day, policies=(rule,))), 0) == {"direct_service"}


@pytest.mark.parametrize(
    ("recommended", "limits", "home"),
    [
        (0.3, {}, 3),
        (0.3, {"max_unit_share": 0.8}, 3),
        (0.8, {"max_unit_share": 0.3}, 3),
        (None, {"max_unit_share": 0.8}, 8),
        (0.0, {"max_unit_share": 0.8}, 0),
        (0.3, {"max_unit_share": 0.8, "readiness_exception": "uji coba"}, 8),
        (0.3, {"readiness_exception": "uji coba"}, 10),
    ],
)
def test_of_the_readiness_share_and_a_policy_s_cap_the_smaller_holds_unless_the_policy_says_why_not(
    recommended: float | None, limits: dict[str, Any], home: int
) -> None:
    rule = policy("weekday", {"weekdays": [0]}, **limits)
    one = unit(people(10), recommended_share=recommended)
    assert sum(home_days(plan_unit(one, span(1, policies=(rule,))))) == home


def test_standing_plans_are_kept_so_that_one_leave_moves_few_plans() -> None:
    when = span(14, policies=(policy(),))
    one = unit(people(20), minimum=5)
    before = plan_unit(one, when)
    kept = tuple(
        replace(person, planned=sum(1 << n for n, mode in enumerate(modes) if mode == WFH))
        for person, modes in zip(one.people, before.modes, strict=True)
    )
    assert plan_unit(replace(one, people=kept), when).modes == before.modes
    ill = replace(kept[0], away=(Away(MONDAY, MONDAY + dt.timedelta(4), "leave"),))
    after = plan_unit(replace(one, people=(ill, *kept[1:])), when)
    moved = sum(
        a != b
        for old, new in zip(before.modes[1:], after.modes[1:], strict=True)
        for a, b in zip(old, new, strict=True)
    )
    assert moved <= 5


def test_a_settled_day_is_left_alone_and_counts_toward_the_share() -> None:
    first, second, *rest = people(4)
    members = (replace(first, pinned=((MONDAY, "WFH"),)), replace(second, pinned=((MONDAY, "WFO"),)), *rest)
    roster = plan_unit(unit(members), span(1, policies=(policy(),)))
    assert roster.modes[0][0] == WFH
    assert roster.modes[1][0] == WFO
    assert sum(home_days(roster)) == 2
    assert reasons_of(roster, 0) == reasons_of(roster, 1) == {"changed"}


def test_ramadan_hours_are_data_and_reach_the_counter() -> None:
    ramadan = SpecialHours(MONDAY, None, "five_day", dict.fromkeys(range(5), Hours(480, 900)))
    roster = plan_unit(unit(people(2), minimum=1, special=(ramadan,)), span(1))
    assert roster.hours[Pattern("five_day")][1] == (480, 900)
    assert roster.shortages == []
    late = SpecialHours(MONDAY, None, "five_day", dict.fromkeys(range(5), Hours(540, 900)))
    [short] = plan_unit(unit(people(2), minimum=1, special=(late,)), span(1)).shortages
    assert (short.start, short.end) == (480, 540)


def test_the_latest_start_wins_and_then_the_narrower_scope() -> None:
    def version(name: str, start: str, scope: dict[str, Any]) -> Policy:
        content = {
            "policy_id": name,
            "effective_from": start,
            "scope": scope,
            "kind": "weekday",
            "parameters": {"weekdays": [0]},
        }
        return Policy(name, 1, PolicyIn.model_validate(content))

    old = version("old", "2025-11-01", {"opd_codes": ["1.01"]})
    wide, narrow = (
        version("wide", "2025-12-01", {"all": True}),
        version("narrow", "2025-12-01", {"opd_codes": ["1.01"]}),
    )
    for policies, winner in (((old, wide), "wide/1"), ((wide, narrow, old), "narrow/1")):
        assert plan_unit(unit(people(1)), span(1, policies=policies)).policies == [winner]


def test_the_solver_grants_requests_that_the_rotation_misses() -> None:
    wish = tuple(Wish(MONDAY + dt.timedelta(n), "WFH", 3) for n in (4,))
    members = tuple(replace(person, wishes=wish) if n < 4 else person for n, person in enumerate(people(8)))
    when = span(5, policies=(policy(max_days_per_week=2, never_two_in_a_row=True),))
    solved = solve_unit(unit(members), when)
    assert solved.solved is not None
    assert (solved.solved.status, solved.solved.gap, solved.solved.granted) == ("optimal", 0, 4)
    direct = plan_unit(unit(members), when)
    assert sum(home_days(solved)) >= sum(home_days(direct))


@pytest.mark.parametrize(("share", "count", "home"), [(0.58, 100, 58), (0.5, 7, 3), (0.1, 9, 0), (1.0, 3, 3)])
def test_a_share_is_rounded_down_to_people(share: float, count: int, home: int) -> None:
    assert floor_share(share, count) == home


@pytest.mark.parametrize("method", [plan_unit, solve_unit])
def test_plans_that_stand_around_the_span_count_for_weeks_and_neighbours(method: Any) -> None:
    limits = policy(parameters={"share": 1.0}, max_days_per_week=2, never_two_in_a_row=True)
    tuesday = Span(MONDAY + dt.timedelta(1), MONDAY + dt.timedelta(1), policies=(limits,))
    before, after, busy, free = people(4)
    members = (
        replace(before, home_before=True, earlier_in_week=1),
        replace(after, home_after=True, later_in_week=1),
        replace(busy, later_in_week=2),
        free,
    )
    roster = method(unit(members), tuesday)
    assert home_days(roster) == [0, 0, 0, 1]
    assert [reasons_of(roster, n) for n in range(3)] == [{"two_in_a_row"}, {"two_in_a_row"}, {"week_limit"}]


@pytest.mark.parametrize("method", [plan_unit, solve_unit])
def test_a_policy_that_does_not_keep_minimums_is_never_silent(method: Any) -> None:
    rule = policy("weekday", {"weekdays": [0]}, keep_min_staff=False)
    roster = method(unit(people(3), minimum=2), span(1, policies=(rule,)))
    assert home_days(roster) == [1, 1, 1]
    [short] = roster.shortages
    assert (short.required, short.on_site, short.because) == (2, 0, "sent_home")


async def test_a_large_roster_is_planned_elsewhere_to_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    units = [unit(people(5 + n), minimum=2) for n in range(4)]
    when = span(14, policies=(policy(),))
    here = await compute.compute(units, when, "auto")
    monkeypatch.setattr(compute, "SMALL", 0)
    monkeypatch.setattr(compute, "PIECE", 6)
    elsewhere = await compute.compute(units, when, "auto")
    assert [one.modes for one in elsewhere] == [one.modes for one in here]
    assert [one.segments for one in elsewhere] == [one.segments for one in here]


async def test_a_planning_process_that_dies_is_an_error_and_not_half_a_roster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compute, "SMALL", 0)
    broken = Span(MONDAY, MONDAY, policies=("no policy",))  # pyright: ignore[reportArgumentType]
    with pytest.raises(compute.PlanningFailed):
        await compute.compute([unit(people(2))], broken, "direct")
