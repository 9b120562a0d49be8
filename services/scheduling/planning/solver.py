"""The solver: OR-Tools CP-SAT where limits and personal requests interact.

It fills the same frame as the rotation, week by week, because limits bind within a week and only fairness binds
the weeks. Each week is solved twice, from the rotation's answer: first the places and the requests, then, at no
cost to these, the fairest way to give them. Deterministic: the search is cut by CP-SAT's own deterministic time
and not by the clock, so the same input and seed give the same roster.
"""

import datetime as dt
import itertools
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from ortools.sat.python import cp_model

from services.scheduling.domain.counters import Segment
from services.scheduling.domain.frame import Blocked, Choice, Frame, Solved, UnitRoster, frame
from services.scheduling.domain.planning import REASON, WFH, Span, UnitInput
from services.scheduling.domain.policies import RotationParameters
from services.scheduling.domain.roster import finish, plan_unit

PLACE = 100
"""Worth of one more person at home, up to what the policy asks for."""
WISH = 30
"""Cost of a request not granted, for each step of its weight."""
KEPT = 5
"""Worth of a plan that stands and is kept."""
EFFORT = 6.0
"""Deterministic seconds of search for one unit; about as many real seconds on a free core."""

_FOUND = (cp_model.OPTIMAL, cp_model.FEASIBLE)


def needs_solver(unit: UnitInput, span: Span) -> bool:
    """Whether requests, or limits that bind several days or people, make the rotation short-sighted."""
    mine = [
        one
        for one in span.policies
        if one.content.scope.covers(unit.opd_code) and one.touches(span.first, span.last)
    ]
    weekly = any(
        isinstance(one.content.parameters, RotationParameters) and one.content.parameters.turn == "weekly"
        for one in mine
    )
    if weekly:
        return False  # turns of whole weeks leave nothing to choose
    bound = any(one.content.limits.never_two_in_a_row for one in mine)
    return bound or bool(unit.apart) or any(person.wishes for person in unit.people)


@dataclass(slots=True)
class _Search:
    """What is known while the weeks are solved one after the other."""

    made: Frame
    hint: UnitRoster
    effort: float
    same: list[tuple[int, ...]]
    """By index: the entries of the same person, whose post may change within the span."""
    who: list[int]
    """By index: the first of these entries, which stands for the person."""
    chosen: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """(index, day number) of those sent home, settled days and the days beside the span included."""
    count: list[int] = field(default_factory=list[int])
    """By the person's first index."""
    found: float = 0
    bound: float = 0
    optimal: bool = True

    def at_home(self, index: int, *numbers: int) -> bool:
        """Whether the person is at home on one of these days."""
        return any((one, number) in self.chosen for one in self.same[index] for number in numbers)

    def send_home(self, index: int, number: int) -> None:
        self.chosen.add((index, number))
        self.count[self.who[index]] += 1


def solve_unit(unit: UnitInput, span: Span, *, effort: float = EFFORT) -> UnitRoster:
    """The best roster that the solver finds for one unit, with its time and its gap."""
    started = time.perf_counter()
    hint = plan_unit(unit, span)
    made = frame(unit, span)
    weeks = [list(one) for _, one in itertools.groupby(made.choices, lambda one: _monday(made, one.number))]
    entries = _entries(unit)
    same = [entries[person.employee_id] for person in unit.people]
    search = _Search(made, hint, effort / max(1, len(weeks)), same, [min(indices) for indices in same])
    search.count = [0] * len(unit.people)
    for index, person in enumerate(unit.people):
        if person.home_before:
            search.chosen.add((index, -1))
        if person.home_after:
            search.chosen.add((index, len(made.days)))
        for day, mode in person.pinned:
            number = (day - span.first).days
            if mode == "WFH" and 0 <= number < len(made.days) and made.roster.modes[index][number] == WFH:
                search.send_home(index, number)
    for week in weeks:
        _solve_week(search, week)
    settled = {
        (index, number)
        for index, number in search.chosen
        if not 0 <= number < len(made.days) or made.roster.modes[index][number] == WFH
    }
    _fill(search, settled)
    finish(made)
    wishes, granted = _granted(made)
    gap = abs(search.found - search.bound) / max(1.0, abs(search.found))
    made.roster.solved = Solved(
        "optimal" if search.optimal else "feasible",
        round(time.perf_counter() - started, 3),
        round(gap, 6),
        wishes,
        granted,
    )
    return made.roster


def _entries(unit: UnitInput) -> dict[UUID, tuple[int, ...]]:
    """The indices of each person."""
    found: dict[UUID, tuple[int, ...]] = {}
    for index, person in enumerate(unit.people):
        found[person.employee_id] = (*found.get(person.employee_id, ()), index)
    return found


def _monday(made: Frame, number: int) -> dt.date:
    day = made.days[number]
    return day - dt.timedelta(day.weekday())


def _solve_week(search: _Search, week: list[Choice]) -> None:
    """Choose for one week and add it to `search.chosen`."""
    model = cp_model.CpModel()
    go = {
        (index, choice.number): model.new_bool_var(f"{index}.{choice.number}")
        for choice in week
        for index in choice.candidates
    }
    if not go:
        return
    for choice in week:
        _limit_day(search, model, go, choice)
    _limit_week(search, model, go, week)
    for (index, number), variable in go.items():
        model.add_hint(variable, search.hint.modes[index][number] == WFH)
    cost = _cost(search, go)
    model.minimize(cost)
    solver = _solver(search)
    status = solver.solve(model)
    if status not in _FOUND:
        # No time for anything: the rotation's answer for this week, where the limits still allow it.
        search.optimal = False
        _keep_hint(search, go)
        return
    search.optimal &= status == cp_model.OPTIMAL
    search.found += solver.objective_value
    search.bound += solver.best_objective_bound
    places = {place for place, variable in go.items() if solver.boolean_value(variable)}
    model.add(cost <= round(solver.objective_value))
    model.clear_hints()
    for place, variable in go.items():
        model.add_hint(variable, place in places)
    model.minimize(_unfairness(search, model, go))
    fairer = _solver(search)
    if fairer.solve(model) in _FOUND:
        places = {place for place, variable in go.items() if fairer.boolean_value(variable)}
    for index, number in places:
        search.send_home(index, number)


def _solver(search: _Search) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = search.effort / 2
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    solver.parameters.random_seed = search.made.span.seed
    return solver


_Go = Mapping[tuple[int, int], cp_model.IntVar]


def _limit_day(search: _Search, model: cp_model.CpModel, go: _Go, choice: Choice) -> None:
    made, limits, number = search.made, choice.policy.content.limits, choice.number
    model.add(sum(go[index, number] for index in choice.candidates) <= choice.most)
    if limits.never_two_in_a_row:
        for index in choice.candidates:
            if search.at_home(index, number - 1, number + 1):
                model.add(go[index, number] == 0)
            for one in search.same[index]:
                if (one, number - 1) in go:
                    model.add_at_most_one(go[index, number], go[one, number - 1])
    entries = _entries(made.unit) if made.unit.apart else {}
    for pair in made.unit.apart:
        both = [index for one in pair for index in entries.get(one, ())]
        free = [go[index, number] for index in both if (index, number) in go]
        if free:
            model.add(sum(free) <= max(0, 1 - sum((index, number) in search.chosen for index in both)))


def _limit_week(search: _Search, model: cp_model.CpModel, go: _Go, week: list[Choice]) -> None:
    made = search.made
    monday = _monday(made, min(choice.number for choice in week))
    start = (monday - made.span.first).days
    most = [one.policy.content.limits.max_days_per_week for one in week]
    limit = min((one for one in most if one is not None), default=None)
    load: dict[int, list[cp_model.IntVar]] = defaultdict(list)
    segments: dict[int, Segment] = {}
    by_person: dict[int, list[cp_model.IntVar]] = defaultdict(list)
    for choice in week:
        for index in choice.candidates:
            by_person[search.who[index]].append(go[index, choice.number])
            if choice.policy.content.limits.keep_min_staff:
                for segment in made.covered(index, choice.number):
                    segments[id(segment)] = segment
                    load[id(segment)].append(go[index, choice.number])
    if limit is not None:
        for index, variables in by_person.items():
            inside = range(max(0, start), min(start + 7, len(made.days)))
            used = sum(search.at_home(index, number) for number in inside)
            if start <= 0:
                used += made.unit.people[index].earlier_in_week
            if start + 7 >= len(made.days):
                used += made.unit.people[index].later_in_week
            model.add(sum(variables) <= max(0, limit - used))
    for key, variables in load.items():
        gone = _gone(search, segments[key])
        model.add(sum(variables) <= max(0, segments[key].on_site - segments[key].required - gone))


def _gone(search: _Search, segment: Segment) -> int:
    """How many of a segment's people an earlier week has sent home: a night shift may cross the weeks."""
    if segment.start > 0 or search.made.days[min(segment.day, len(search.made.days) - 1)].weekday() != 0:
        return 0
    settled = search.made.roster.modes
    return sum(
        1
        for index, number in search.chosen
        if number == segment.day - 1
        and 0 <= number < len(search.made.days)
        and settled[index][number] != WFH
        and segment in search.made.covered(index, number)
    )


def _cost(search: _Search, go: _Go) -> cp_model.LinearExprT:
    """Places not given and requests not granted."""
    made = search.made
    cost: list[cp_model.LinearExprT] = [-PLACE * variable for variable in go.values()]
    for index, person in enumerate(made.unit.people):
        for wish in person.wishes:
            variable = go.get((index, (wish.day - made.span.first).days))
            if variable is not None:
                cost.append(WISH * wish.weight * (1 - variable if wish.mode == "WFH" else variable))
    cost.extend(
        -KEPT * variable
        for (index, number), variable in go.items()
        if made.unit.people[index].planned >> number & 1
    )
    return sum(cost)


def _unfairness(search: _Search, model: cp_model.CpModel, go: _Go) -> cp_model.LinearExprT:
    """Grows with the square of each person's days: the next day costs more, the more one has had."""
    cost: list[cp_model.LinearExprT] = []
    by_person: dict[int, list[cp_model.IntVar]] = defaultdict(list)
    for (index, _), variable in go.items():
        by_person[search.who[index]].append(variable)
    least = min(search.count)
    for index, variables in by_person.items():
        steps = [model.new_bool_var(f"{index}+{step}") for step in range(len(variables))]
        model.add(sum(variables) == sum(steps))
        cost.extend((search.count[index] - least + step) * one for step, one in enumerate(steps))
    return sum(cost)


def _keep_hint(search: _Search, go: _Go) -> None:
    for index, number in go:
        if search.hint.modes[index][number] == WFH:
            search.send_home(index, number)


def _fill(search: _Search, settled: set[tuple[int, int]]) -> None:
    """Put the answer into the frame, with a reason for each who stays."""
    made, chosen = search.made, search.chosen
    for index, number in sorted(chosen - settled):
        made.send_home(index, number)
    for choice in made.choices:
        given = sum((index, choice.number) in chosen for index in choice.candidates)
        stops: dict[str, int] = {}
        hours: set[tuple[int, int]] = set()
        for index in choice.candidates:
            if (index, choice.number) in chosen:
                continue
            reason = _why(search, choice, index, full=given >= choice.most)
            made.roster.reasons[index][choice.number] = REASON[reason]
            if reason not in ("turn", "unit_share"):
                stops[reason] = stops.get(reason, 0) + 1
            if reason == "minimum":
                tight = (one for one in made.covered(index, choice.number) if one.tight)
                hours.update((one.start, one.end) for one in tight)
        aimed = min(choice.wanted, len(choice.candidates))
        if given < aimed:
            if choice.most < aimed:
                stops["unit_share"] = aimed - choice.most
            day = made.days[choice.number]
            made.roster.blocked.append(Blocked(made.unit.unit_id, day, aimed, given, stops, tuple(sorted(hours))))


def _why(search: _Search, choice: Choice, index: int, *, full: bool) -> str:
    made, limits, number = search.made, choice.policy.content.limits, choice.number
    if full:
        return "turn" if choice.most == choice.wanted else "unit_share"
    if limits.keep_min_staff and any(one.tight for one in made.covered(index, number)):
        return "minimum"
    if limits.never_two_in_a_row and search.at_home(index, number - 1, number + 1):
        return "two_in_a_row"
    mine = made.unit.people[index].employee_id
    others = {one if other == mine else other for one, other in made.unit.apart if mine in (one, other)}
    if any(
        person.employee_id in others and (where, number) in search.chosen
        for where, person in enumerate(made.unit.people)
    ):
        return "apart"
    return "week_limit" if limits.max_days_per_week is not None else "turn"


def _granted(made: Frame) -> tuple[int, int]:
    """(requests for days on which there was a choice, how many of them were granted)."""
    choices = {(index, choice.number) for choice in made.choices for index in choice.candidates}
    asked = granted = 0
    for index, person in enumerate(made.unit.people):
        for wish in person.wishes:
            number = (wish.day - made.span.first).days
            if (index, number) in choices:
                asked += 1
                granted += (made.roster.modes[index][number] == WFH) == (wish.mode == "WFH")
    return asked, granted
