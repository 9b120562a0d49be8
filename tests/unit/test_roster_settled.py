"""Limits hold for the person: over settled days, over a change of post, and over the edges of a span."""

import datetime as dt
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import WFH, Person, Span, UnitInput
from services.scheduling.domain.policies import Policy, PolicyIn, in_force, standing
from services.scheduling.domain.roster import plan_unit
from services.scheduling.planning.solver import needs_solver, solve_unit
from tests.unit.test_roster import MONDAY, assert_minimums, cases, people, policy, span, unit

METHODS = pytest.mark.parametrize("method", [plan_unit, solve_unit], ids=["rotation", "solver"])
DAY = dt.timedelta(1)


def home(roster: UnitRoster, *indices: int) -> list[int]:
    """Numbers of the days on which one of the entries is at home."""
    return sorted({n for index in indices for n, mode in enumerate(roster.modes[index]) if mode == WFH})


def settled(person: Person, *numbers: int, mode: Literal["WFO", "WFH"] = "WFH") -> Person:
    return replace(person, pinned=tuple((MONDAY + n * DAY, mode) for n in numbers))


@METHODS
def test_a_settled_day_later_in_the_week_uses_up_the_weekly_allowance(method: Any) -> None:
    one = unit((settled(people(1)[0], 3),))
    roster = method(one, span(7, policies=(policy(parameters={"share": 1.0}, max_days_per_week=1),)))
    assert home(roster, 0) == [3]


@METHODS
def test_the_day_before_a_settled_day_at_home_is_an_office_day_where_two_in_a_row_are_barred(method: Any) -> None:
    one = unit((settled(people(1)[0], 1),))
    roster = method(one, span(5, policies=(policy(parameters={"share": 1.0}, never_two_in_a_row=True),)))
    assert home(roster, 0) in ([1, 3], [1, 4])


@METHODS
def test_plans_that_stand_after_the_span_count_toward_its_last_week(method: Any) -> None:
    person = replace(people(1)[0], later_in_week=1, home_after=True)
    when = span(3, policies=(policy(parameters={"share": 1.0}, max_days_per_week=1),))
    assert home(method(unit((person,)), when), 0) == []
    when = span(3, policies=(policy(parameters={"share": 1.0}, never_two_in_a_row=True),))
    assert len(home(method(unit((person,)), when), 0)) == 1
    assert home(method(unit((person,)), when), 0) != [2]


def split(person: Person, number: int) -> tuple[Person, Person]:
    """The two entries of one person whose post changes on a day of the span."""
    return (
        replace(person, until=MONDAY + (number - 1) * DAY),
        replace(person, since=MONDAY + number * DAY, post_since=MONDAY + number * DAY),
    )


@METHODS
def test_a_change_of_post_in_the_middle_of_a_week_gives_no_second_allowance(method: Any) -> None:
    one = unit(split(people(1)[0], 2))
    roster = method(one, span(7, policies=(policy(parameters={"share": 1.0}, max_days_per_week=1),)))
    assert len(home(roster, 0, 1)) == 1
    roster = method(one, span(5, policies=(policy(parameters={"share": 1.0}, never_two_in_a_row=True),)))
    assert home(roster, 0, 1) == [0, 2, 4]


@METHODS
def test_a_pair_stays_apart_after_one_of_them_changes_post(method: Any) -> None:
    first, second = people(2)
    one = unit((*split(first, 2), second), apart=((first.employee_id, second.employee_id),))
    roster = method(one, span(5, policies=(policy(parameters={"share": 1.0}),)))
    assert not set(home(roster, 0, 1)) & set(home(roster, 2))


def test_a_weekly_turn_goes_on_where_a_span_begins_in_the_middle_of_the_week() -> None:
    rule = policy(parameters={"share": 0.5, "turn": "weekly"})
    members = people(6)
    whole = plan_unit(unit(members), span(14, policies=(rule,)))
    for cut in (2, 9):
        monday = cut - cut % 7
        later = tuple(
            replace(
                person,
                earlier_days=modes[:cut].count(WFH),
                earlier_in_week=modes[monday:cut].count(WFH),
                home_before=modes[cut - 1] == WFH,
            )
            for person, modes in zip(members, whole.modes, strict=True)
        )
        first = MONDAY + cut * DAY
        rest = plan_unit(unit(later), Span(first, MONDAY + (monday + 4) * DAY, policies=(rule,)))
        assert [set(modes) for modes in rest.modes] == [set(modes[cut : monday + 5]) for modes in whole.modes]


@st.composite
def harder(draw: st.DrawFn) -> tuple[UnitInput, Span]:
    """The cases of the rotation, with settled days, changed posts and plans around the span."""
    one, when = draw(cases())
    members: list[Person] = []
    day = st.integers(0, len(when.days) - 1).map(lambda n: when.days[n])
    for person in one.people:
        pins = draw(st.dictionaries(day, st.sampled_from(["WFO", "WFH"]), max_size=3))
        before, after = draw(st.booleans()), draw(st.booleans())
        known = replace(
            person,
            pinned=tuple(pins.items()),
            home_before=before,
            earlier_in_week=int(before and when.first.weekday() > 0),
            home_after=after,
            later_in_week=int(after and when.last.weekday() < 6),
        )
        cut = draw(day)
        if draw(st.booleans()) and cut > when.first:
            members += [replace(known, until=cut - DAY), replace(known, since=cut)]
        else:
            members.append(known)
    return replace(one, people=tuple(members), requirements=()), when


def assert_personal_limits(one: UnitInput, when: Span, roster: UnitRoster) -> None:
    """The limits of a person, written from docs/rules.md: a chosen day never breaks one."""
    [rule] = when.policies
    limits = rule.content.limits
    at_home: dict[Any, set[int]] = {}
    for index, person in enumerate(one.people):
        at_home.setdefault(person.employee_id, set()).update(home(roster, index))
    for person in one.people:
        mine = set(at_home[person.employee_id])
        pinned = {(day - when.first).days for day, mode in person.pinned if mode == "WFH"}
        chosen = mine - pinned
        if limits.never_two_in_a_row:
            mine |= {-1} if person.home_before else set[int]()
            mine |= {len(when.days)} if person.home_after else set[int]()
            assert not {n + 1 for n in chosen} & mine
            assert not {n - 1 for n in chosen} & mine
        most = limits.max_days_per_week
        for number in chosen if most is not None else ():
            monday = number - when.days[number].weekday()
            week = sum(monday <= n < monday + 7 for n in at_home[person.employee_id])
            week += person.earlier_in_week if monday <= 0 else 0
            week += person.later_in_week if monday + 7 >= len(when.days) else 0
            assert most is not None
            assert week <= most
        for pair in one.apart:
            if person.employee_id in pair:
                [other] = set(pair) - {person.employee_id}
                assert not chosen & at_home[other]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(harder())
def test_the_rotation_never_chooses_a_day_that_breaks_a_personal_limit(case: tuple[UnitInput, Span]) -> None:
    one, when = case
    roster = plan_unit(one, when)
    assert_personal_limits(one, when, roster)
    assert_minimums(one, when, roster)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(harder())
def test_the_solver_never_chooses_a_day_that_breaks_a_personal_limit(case: tuple[UnitInput, Span]) -> None:
    one, when = case
    assert_personal_limits(one, when, solve_unit(one, when))


# --- Versions of a policy ------------------------------------------------------------------------------------


def version(number: int, start: str, *weekdays: int, end: str | None = None) -> Policy:
    content = {
        "policy_id": "p",
        "effective_from": start,
        "effective_to": end,
        "scope": {"all": True},
        "kind": "weekday",
        "parameters": {"weekdays": weekdays},
    }
    return Policy("p", number, PolicyIn.model_validate(content))


def label_on(policies: list[Policy], day: str) -> str | None:
    found = in_force(policies, "1.01", dt.date.fromisoformat(day))
    return found and found.label


def test_a_newer_version_leaves_the_days_before_it_to_the_older_one() -> None:
    policies = standing([(version(1, "2025-11-06", 3), None), (version(2, "2025-12-01", 4), None)])
    assert [label_on(policies, day) for day in ("2025-11-05", "2025-11-30", "2025-12-01", "2026-05-01")] == [
        None,
        "p/1",
        "p/2",
        "p/2",
    ]


def test_an_earlier_end_of_an_older_version_stays_and_the_same_or_an_earlier_start_replaces_it() -> None:
    ended = version(1, "2025-11-06", 3, end="2025-11-20")
    assert label_on(standing([(ended, None), (version(2, "2025-12-01", 4), None)]), "2025-11-25") is None
    same = standing([(version(1, "2025-11-06", 3), None), (version(2, "2025-11-06", 4), None)])
    assert [one.label for one in same] == ["p/2"]
    both = [(version(1, "2025-11-06", 3), None), (version(2, "2025-12-01", 4), None)]
    assert [one.label for one in standing([*both, (version(3, "2025-11-01", 0), None)])] == ["p/3"]


def test_a_withdrawal_ends_the_policy_on_its_date_and_a_later_version_begins_it_anew() -> None:
    gone = (version(3, "2025-12-01", 4), dt.date(2025, 11, 10))
    versions = [(version(1, "2025-11-06", 3), None), (version(2, "2025-12-01", 4), None), gone]
    days = ("2025-11-09", "2025-11-10", "2025-12-05")
    assert [label_on(standing(versions), day) for day in days] == ["p/1", None, None]
    anew = standing([*versions, (version(4, "2025-12-01", 0), None)])
    assert [label_on(anew, day) for day in days] == ["p/1", None, "p/4"]


def test_an_old_weekly_version_outside_the_span_keeps_nobody_from_the_solver() -> None:
    old = policy(parameters={"share": 0.5, "turn": "weekly"})
    old = replace(old, content=old.content.model_copy(update={"effective_to": MONDAY - DAY}))
    new = policy(never_two_in_a_row=True)
    assert needs_solver(unit(people(2)), span(7, policies=(old, new)))
