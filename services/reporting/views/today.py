"""Today's figures, kept by reading only what changed, and followed through time without reading anything.

A person's steps and a service point's pieces say how the date goes on if nothing more is recorded; here they are
remembered, counted, and passed through with the clock. Read again are those that are named with a change, judged
afresh where more is known of them than was computed (an earlier look may have shown it), and
everyone after anything that concerns everyone, when the clock is set back, and once in a while in any case.
"""

import asyncio
import datetime as dt
import heapq
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from services.reporting.domain.counters import Standing
from services.reporting.domain.figures import Counted, States
from services.reporting.store import counters, figures, live
from services.reporting.store.live import PersonSteps
from services.reporting.store.notices import Changed
from services.reporting.views.figures import Board
from shared.database import Database, Tx
from shared.dates import local_date

EVERYTHING_AFTER_S = 3600.0
"""Wall seconds after which everything is read again though nothing asked for it: a belt beside the braces."""

_AT_ONCE = 1000
"""So many people are counted before others of this process have their turn."""
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


class _Person:
    """One person's date, and the step that holds."""

    __slots__ = ("at", "left", "steps")

    def __init__(self, steps: PersonSteps, at: int) -> None:
        self.steps = steps
        self.at = at
        self.left = False

    @property
    def until(self) -> dt.datetime | None:
        """When the next step begins."""
        return self.steps.since[self.at] if self.at < len(self.steps.since) else None

    @property
    def states(self) -> States:
        return self.steps.states(self.at)


class Tally:
    """The people of one date, counted for each OPD by their states as of an instant that only moves on."""

    def __init__(self) -> None:
        self._held: dict[UUID, _Person] = {}
        self._counts: dict[str, Counter[States]] = {}
        self._shown: dict[str, Counted] = {}
        self._changed: set[str] = set()
        self._due: list[tuple[dt.datetime, int, _Person]] = []
        self._number = 0

    def put(self, people: Iterable[PersonSteps], now: dt.datetime) -> None:
        """Take the newest steps of some people, who stand at `now`."""
        for steps in people:
            self.drop(steps.employee_id)
            person = _Person(steps, bisect_right(steps.since, now))
            self._held[steps.employee_id] = person
            self._count(person, 1)
            self._await(person)

    def drop(self, employee_id: UUID) -> None:
        """Whoever has no plan for the date is not counted."""
        person = self._held.pop(employee_id, None)
        if person is not None:
            person.left = True
            self._count(person, -1)

    def pass_to(self, now: dt.datetime) -> None:
        """Whoever has a step that begins by `now` takes it."""
        while self._due:
            due, _, person = self._due[0]
            if due > now:
                return
            heapq.heappop(self._due)
            if not person.left:
                self._count(person, -1)
                person.at = bisect_right(person.steps.since, now)
                self._count(person, 1)
                self._await(person)

    def next_at(self) -> dt.datetime | None:
        """The earliest instant at which somebody may take a step."""
        return self._due[0][0] if self._due else None

    def people(self) -> dict[str, Counted]:
        """How many have the same states, by OPD. What is the same object as before is unchanged."""
        for code in self._changed:
            held = Counted({states: n for states, n in self._counts[code].items() if n})
            if held:
                self._shown[code] = held
            else:
                self._shown.pop(code, None)
        self._changed.clear()
        return dict(self._shown)

    def _count(self, person: _Person, by: int) -> None:
        code = person.steps.opd_code
        self._counts.setdefault(code, Counter())[person.states] += by
        self._changed.add(code)

    def _await(self, person: _Person) -> None:
        if (until := person.until) is not None:
            self._number += 1
            heapq.heappush(self._due, (until, self._number, person))


class Today:
    """What is counted of the present local date."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._date: dt.date | None = None
        self._as_of = _NEVER
        self._tally = Tally()
        self._names: dict[str, str] = {}
        self._counters: dict[str, live.Counter] = {}
        self._counted = 0
        self._edges: list[dt.datetime] = []
        self._people: set[UUID] | None = None
        self._units: set[str] | None = None
        self._inexact: set[str] = set()
        self._everything_at = 0.0

    def hear(self, changed: Changed, now: dt.datetime) -> bool:
        """Note what was computed anew; whether any of it is of the local date of `now`."""
        date = local_date(now)
        people = changed.people if changed.work_date == date else ()
        units = None if changed.counters is None else [unit for day, unit in changed.counters if day == date]
        self._people = None if people is None or self._people is None else self._people.union(people)
        self._units = None if units is None or self._units is None else self._units.union(units)
        return people is None or units is None or bool(people or units)

    def forget(self) -> None:
        """Anything may have changed."""
        self._people = self._units = None

    async def look(self, now: dt.datetime) -> Board:
        """The board as of `now`. Asks the database only for what changed."""
        date = local_date(now)
        overdue = time.monotonic() - self._everything_at > EVERYTHING_AFTER_S
        if overdue or date != self._date or now < self._as_of:
            self.forget()
        people, self._people = self._people, set()
        units, self._units = self._units, set()
        if units is not None:
            units |= self._inexact
        standings: dict[str, Standing] = {}
        if people is None or units is None or people or units:
            try:
                async with self._db.read() as tx:
                    await self._read_people(tx, date, now, people)
                    await self._read_counters(tx, date, now, units)
                    standings = await self._counted_now(tx, date, now)
            except BaseException:
                self.forget()  # whatever was to be read has not been
                raise
            if people is None and units is None:
                self._everything_at = time.monotonic()
        self._date, self._as_of, self._inexact = date, now, set(standings)
        self._tally.pass_to(now)
        while self._edges and self._edges[0] <= now:
            heapq.heappop(self._edges)
        everywhere = [
            standings.get(unit_id) or counter.day.at(counter.point, now)
            for unit_id, counter in self._counters.items()
        ]
        return Board(date, now, self._tally.people(), everywhere, self._names, self._counted)

    def next_at(self) -> dt.datetime | None:
        """The earliest instant at which the board may say something else though nothing is recorded."""
        dues = [self._tally.next_at(), *self._edges[:1]]
        return min((due for due in dues if due is not None), default=None)

    async def _read_people(self, tx: Tx, date: dt.date, now: dt.datetime, people: set[UUID] | None) -> None:
        if people is None:
            tally, everyone = Tally(), await live.people(tx, date)
            for first in range(0, len(everyone), _AT_ONCE):
                tally.put(everyone[first : first + _AT_ONCE], now)
                await asyncio.sleep(0)
            self._tally = tally
        elif people:
            found = await live.people(tx, date, people)
            self._tally.put(found, now)
            for gone in people.difference(steps.employee_id for steps in found):
                self._tally.drop(gone)

    async def _read_counters(self, tx: Tx, date: dt.date, now: dt.datetime, units: set[str] | None) -> None:
        if units is None:
            self._names = await figures.opd_names(tx)
            self._counters, self._edges = {}, []
            self._take(await live.points_afresh(tx, date, now), now)
        elif units:
            # Whatever was shown before its row held it is not taken back by a row that does not hold it yet.
            ahead = {
                unit_id
                for unit_id in units
                if unit_id in self._inexact or (unit_id in self._counters and self._counters[unit_id].is_afresh)
            }
            found = await live.points(tx, date, units - ahead)
            if ahead:
                found += await live.points_afresh(tx, date, now, ahead)
            for gone in units.difference(counter.point.unit_id for counter in found):
                self._counters.pop(gone, None)
            self._take(found, now)

    def _take(self, found: Sequence[live.Counter], now: dt.datetime) -> None:
        known = len(self._counters)
        self._counted += bool(found)
        for counter in found:
            self._counters[counter.point.unit_id] = counter
            for edge in counter.edges:
                if edge > now:
                    heapq.heappush(self._edges, edge)
        if len(self._counters) > known:
            self._counters = dict(sorted(self._counters.items()))

    async def _counted_now(self, tx: Tx, date: dt.date, now: dt.datetime) -> dict[str, Standing]:
        """The service points whose day cannot be cut off at `now`: a clock ahead of ours has written in it."""
        unit_ids = [unit_id for unit_id, counter in self._counters.items() if now < counter.exact_from]
        found = await counters.standings(tx, date, now, unit_ids=unit_ids) if unit_ids else []
        return {standing.point.unit_id: standing for standing in found}
