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
from services.scheduling.domain.planning import REASON, WFH, Span, UnitInput
from services.scheduling.domain.policies import RotationParameters


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
    """The unit's state while it is planned, day by day.

    A person whose post changes within the span has several entries; all that concerns the person, not the entry,
    is kept under the first of them, `self.who`.
    """

    def __init__(self, made: Frame) -> None:
        people = made.unit.people
        self.made = made
        first: dict[UUID, int] = {}
        self.who = [first.setdefault(person.employee_id, index) for index, person in enumerate(people)]
        self.count = [0] * len(people)
        self.latest = [-1 if person.home_before else -2 for person in people]
        self.in_week = [0] * len(people)
        self.tie = [_tie(made.span.seed, person.employee_id) for person in people]
        self.turn: frozenset[int] | None = None
        self.apart: dict[int, list[int]] = {}
        for one, other in made.unit.apart:
            if one in first and other in first:
                self.apart.setdefault(first[one], []).append(first[other])
                self.apart.setdefault(first[other], []).append(first[one])
        self.settled = {
            ((day - made.span.first).days, self.who[index])
            for index, person in enumerate(people)
            for day, mode in person.pinned
            if mode == "WFH"
            and 0 <= (number := (day - made.span.first).days) < len(made.days)
            and made.roster.modes[index][number] == WFH
        }
        """(day number, person) of the settled days at home."""
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
            if not number or day.weekday() == 0:
                self._begin_week(number, day)
            for where, index in self.settled:
                if where == number:
                    self._note(index, number)
            if number in choices:
                self._choose(choices[number])

    def _begin_week(self, number: int, day: dt.date) -> None:
        """Count what the week has already: days before and after the span, and settled days to come."""
        people, end = self.made.unit.people, number + 7 - day.weekday()
        self.turn = None
        self.in_week = [0 if number else person.earlier_in_week for person in people]
        if end >= len(self.made.days):
            self.in_week = [had + person.later_in_week for had, person in zip(self.in_week, people, strict=True)]
        for where, index in self.settled:
            if number <= where < end:
                self.in_week[index] += 1

    def _note(self, index: int, number: int) -> None:
        """`index` is the person's first entry."""
        self.count[index] += 1
        self.latest[index] = number

    def _order(self, choice: Choice) -> list[int]:
        """Who goes first."""
        people, count, latest, tie = self.made.unit.people, self.count, self.latest, self.tie
        number, who = choice.number, self.who

        def rank(index: int) -> tuple[int, int, int, int]:
            person = who[index]
            return count[person], latest[person], people[index].earlier_days, tie[index]

        ordered = sorted(choice.candidates, key=rank)
        parameters = choice.policy.content.parameters
        if isinstance(parameters, RotationParameters) and parameters.turn == "weekly":
            if self.turn is None:
                self.turn = frozenset(who[index] for index in self._whose_week(ordered, number)[: choice.most])
            turn = self.turn
            ordered.sort(key=lambda index: who[index] not in turn)
        if any(self.wishes[index] for index in ordered):
            ordered.sort(key=lambda index: -self.wishes[index].get(number, 0))
        bit = 1 << number
        if any(people[index].planned & bit for index in ordered):
            ordered.sort(key=lambda index: not people[index].planned & bit)
        return ordered

    def _whose_week(self, ordered: list[int], number: int) -> list[int]:
        """Who goes first in a weekly turn: in a week that began before the span, who has been at home in it."""
        people = self.made.unit.people
        if number > 6 - self.made.span.first.weekday():
            return ordered
        return sorted(ordered, key=lambda index: -people[index].earlier_in_week)

    def _obstacle(self, choice: Choice, index: int) -> str | None:
        """What keeps this person at the office, seeing who goes already."""
        limits, number, person = choice.policy.content.limits, choice.number, self.who[index]
        if limits.max_days_per_week is not None and self.in_week[person] >= limits.max_days_per_week:
            return "week_limit"
        if limits.never_two_in_a_row and (
            self.latest[person] == number - 1
            or (number + 1, person) in self.settled
            or (number + 1 == len(self.made.days) and self.made.unit.people[index].home_after)
        ):
            return "two_in_a_row"
        if self.apart and any(self.latest[other] == number for other in self.apart.get(person, ())):
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
                self._note(self.who[index], number)
                self.in_week[self.who[index]] += 1
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
