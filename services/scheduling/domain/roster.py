"""The direct method: a deterministic rotation, unit by unit and day by day.

A limit concerns one unit or one person, so units are independent and each is planned alone. Whoever has had the
fewest days at home goes first, ties by the longest time since and then by a hash of the seed. Plans that stand
are kept where possible, so a small change of the input changes few plans. The same input and seed give the same
roster.
"""

import datetime as dt
import hashlib
from uuid import UUID

from services.scheduling.domain.counters import Shortage
from services.scheduling.domain.frame import Blocked, Choice, Frame, UnitRoster, frame
from services.scheduling.domain.planning import REASON, Span, UnitInput
from services.scheduling.domain.policies import RotationParameters

DAY = dt.timedelta(1)


def plan_unit(unit: UnitInput, span: Span) -> UnitRoster:
    """The roster of one unit for the span. Pure and deterministic."""
    made = frame(unit, span)
    _Rotation(made).run()
    finish(made)
    return made.roster


def finish(made: Frame) -> None:
    """Note the fewest and the most WFH days among those who could have gone on every day of a choice, and the
    minimums that a policy without `keep_min_staff` or a settled day has broken: never silently."""
    known = {(one.work_date, one.start) for one in made.roster.shortages}
    made.roster.shortages.extend(
        Shortage(made.unit.unit_id, made.days[one.day], one.start, one.end, one.required, one.on_site, "sent_home")
        for one in made.roster.segments
        if one.on_site < one.required and (made.days[one.day], one.start) not in known
    )
    steady = set(range(len(made.unit.people)))
    count: dict[int, int] = dict.fromkeys(steady, 0)
    for choice in made.choices:
        if choice.candidates:
            steady &= set(choice.candidates)
        for index in choice.candidates:
            if made.roster.reasons[index][choice.number] == REASON["policy"]:
                count[index] += 1
    days = [count[index] for index in steady]
    if days and any(choice.candidates for choice in made.choices):
        made.roster.fewest, made.roster.most = min(days), max(days)


def _tie(seed: int, employee_id: UUID) -> int:
    digest = hashlib.blake2b(employee_id.bytes, digest_size=6, key=str(seed).encode())
    return int.from_bytes(digest.digest())


class _Rotation:
    """The unit's state while it is planned, day by day."""

    def __init__(self, made: Frame) -> None:
        people = made.unit.people
        self.made = made
        self.count = [0] * len(people)
        self.latest = [-1 if person.home_before else -2 for person in people]
        last = made.span.last
        self.last_monday = last - dt.timedelta(last.weekday())
        self.in_week = [
            person.earlier_in_week + (person.later_in_week if made.span.first >= self.last_monday else 0)
            for person in people
        ]
        self.tie = [_tie(made.span.seed, person.employee_id) for person in people]
        self.turn: frozenset[int] | None = None
        self.apart: dict[int, list[int]] = {}
        numbers = {person.employee_id: index for index, person in enumerate(people)}
        for one, other in made.unit.apart:
            if one in numbers and other in numbers:
                self.apart.setdefault(numbers[one], []).append(numbers[other])
                self.apart.setdefault(numbers[other], []).append(numbers[one])
        self.wishes = [
            {
                (wish.day - made.span.first).days: wish.weight if wish.mode == "WFH" else -wish.weight
                for wish in person.wishes
            }
            for person in people
        ]

    def run(self) -> None:
        choices = {choice.number: choice for choice in self.made.choices}
        for number, day in enumerate(self.made.days):
            if day.weekday() == 0:
                self.turn = None
                if number:
                    later = day == self.last_monday
                    self.in_week = [one.later_in_week if later else 0 for one in self.made.unit.people]
            for index, person in enumerate(self.made.unit.people):
                if person.pinned and (day, "WFH") in person.pinned:
                    self._note(index, number)
            if number in choices:
                self._choose(choices[number])

    def _note(self, index: int, number: int) -> None:
        self.count[index] += 1
        self.in_week[index] += 1
        self.latest[index] = number

    def _order(self, choice: Choice) -> list[int]:
        """Who goes first."""
        people, count, latest, tie = self.made.unit.people, self.count, self.latest, self.tie
        number = choice.number

        def rank(index: int) -> tuple[int, int, int, int]:
            return count[index], latest[index], people[index].earlier_days, tie[index]

        ordered = sorted(choice.candidates, key=rank)
        parameters = choice.policy.content.parameters
        if isinstance(parameters, RotationParameters) and parameters.turn == "weekly":
            if self.turn is None:
                self.turn = frozenset(ordered[: choice.most])
            turn = self.turn
            ordered.sort(key=lambda index: index not in turn)
        if any(self.wishes[index] for index in ordered):
            ordered.sort(key=lambda index: -self.wishes[index].get(number, 0))
        bit = 1 << number
        if any(people[index].planned & bit for index in ordered):
            ordered.sort(key=lambda index: not people[index].planned & bit)
        return ordered

    def _obstacle(self, choice: Choice, index: int) -> str | None:
        """What keeps this person at the office, seeing who goes already."""
        limits, number = choice.policy.content.limits, choice.number
        if limits.max_days_per_week is not None and self.in_week[index] >= limits.max_days_per_week:
            return "week_limit"
        if limits.never_two_in_a_row and (
            self.latest[index] == number - 1
            or (number == len(self.made.days) - 1 and self.made.unit.people[index].home_after)
            or (self.made.days[number] + DAY, "WFH") in self.made.unit.people[index].pinned
        ):
            return "two_in_a_row"
        if self.apart and any(self.latest[other] == number for other in self.apart.get(index, ())):
            return "apart"
        if limits.keep_min_staff:
            for segment in self.made.covered(index, number):
                if segment.on_site <= segment.required:
                    return "minimum"
        return None

    def _choose(self, choice: Choice) -> None:
        made, number = self.made, choice.number
        stops: dict[str, int] = {}
        hours: set[tuple[int, int]] = set()
        ordered = self._order(choice)
        given = 0
        for place, index in enumerate(ordered):
            if given >= choice.most:
                reason = REASON["turn" if choice.most == choice.wanted else "unit_share"]
                for other in ordered[place:]:
                    made.roster.reasons[other][number] = reason
                break
            obstacle = self._obstacle(choice, index)
            if obstacle is None:
                given += 1
                made.send_home(index, number)
                self._note(index, number)
                continue
            made.roster.reasons[index][number] = REASON[obstacle]
            stops[obstacle] = stops.get(obstacle, 0) + 1
            if obstacle == "minimum":
                hours.update((one.start, one.end) for one in made.covered(index, number) if one.tight)
        aimed = min(choice.wanted, len(choice.candidates))
        if given < aimed:
            if choice.most < aimed:
                stops["unit_share"] = aimed - choice.most
            blocked = Blocked(made.unit.unit_id, made.days[number], aimed, given, stops, tuple(sorted(hours)))
            made.roster.blocked.append(blocked)
