"""Today's figures, kept by judging again only those people whose facts or whose time have come.

Judging is always done by verdicts.sql; here its answers are only remembered and counted. Whoever may have changed
is judged again: those named with a change of facts, those whose `next_due` has passed, and everyone after
anything that concerns everyone and once in a while in any case. Likewise the service points: coverage.sql is asked
again for those where a changed person is to be, and domain/counters.py follows the clock between.
"""

import datetime as dt
import heapq
import time
from collections import Counter
from collections.abc import Collection, Iterable
from uuid import UUID

from services.reporting.domain.counters import CounterDay, Point, days_of
from services.reporting.domain.figures import Counted, States
from services.reporting.store import counters, figures
from services.reporting.store.figures import Judged, Later
from services.reporting.views.figures import Board
from shared.database import Database, Tx
from shared.dates import local_date

SOME = 3000
"""Above so many people, judging the whole date at once is cheaper."""
EVERYONE_AFTER_S = 300.0
"""Wall seconds after which everyone is judged again though nothing asked for it: a belt beside the braces."""


class Tally:
    """The states of one date's people, counted for each OPD."""

    def __init__(self) -> None:
        self._held: dict[UUID, Judged] = {}
        self._opds: dict[str, Counter[States]] = {}
        self._due: list[tuple[dt.datetime, UUID]] = []
        self._later: list[tuple[dt.datetime, UUID]] = []

    def put(self, people: Iterable[Judged]) -> None:
        """Take the newest verdicts of some people."""
        for person in people:
            held = self._held.get(person.employee_id)
            if held is not None:
                self._opds[held.opd_code][held.states] -= 1
            self._opds.setdefault(person.opd_code, Counter())[person.states] += 1
            self._held[person.employee_id] = person
            if person.next_due is not None and (held is None or held.next_due != person.next_due):
                heapq.heappush(self._due, (person.next_due, person.employee_id))

    def put_later(self, facts: Iterable[Later]) -> None:
        """Judge these people again when facts of theirs, known already, begin to count."""
        for fact in facts:
            heapq.heappush(self._later, (fact.at, fact.employee_id))

    def due(self, now: dt.datetime) -> set[UUID]:
        """Those for whom an instant at which time alone may change a state is not after `now`."""
        people: set[UUID] = set()
        while self._later and _first(self._later) <= now:
            people.add(_taken(self._later))
        waiting: list[UUID] = []
        while self._due and (due := _first(self._due)) <= now:
            person = _taken(self._due)
            if self._held[person].next_due == due:
                people.add(person)
                if due == now:  # still pending at the very instant, so it is due a moment later as well
                    waiting.append(person)
        for person in waiting:
            heapq.heappush(self._due, (now, person))
        return people

    def people(self) -> dict[str, Counted]:
        """How many have the same states, by OPD; a copy, for this tally goes on."""
        return {code: Counted(held) for code, counts in self._opds.items() if (held := +counts)}


def _first(queue: list[tuple[dt.datetime, UUID]]) -> dt.datetime:
    (at, _), *_ = queue
    return at


def _taken(queue: list[tuple[dt.datetime, UUID]]) -> UUID:
    _, person = heapq.heappop(queue)
    return person


class Today:
    """What is counted of the present local date."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._date: dt.date | None = None
        self._tally = Tally()
        self._names: dict[str, str] = {}
        self._points: list[Point] = []
        self._days: dict[str, CounterDay] = {}
        self._changed: set[UUID] = set()
        self._everyone = True
        self._everyone_at = 0.0

    def change(self, people: Collection[UUID]) -> None:
        """Facts of these people changed. Of nobody in particular: of everyone, or of the city itself."""
        self._changed.update(people)
        self._everyone = self._everyone or not people

    async def look(self, now: dt.datetime) -> Board:
        """The board as of `now`."""
        date = local_date(now)
        people = self._changed | self._tally.due(now)
        overdue = time.monotonic() - self._everyone_at > EVERYONE_AFTER_S
        everyone = self._everyone or overdue or date != self._date or len(people) > SOME
        changed, self._changed, self._everyone = self._changed, set(), False
        try:
            async with self._db.read() as tx:
                if everyone:
                    await self._judge_everyone(tx, date, now)
                else:
                    await self._judge(tx, date, now, people, changed)
        except BaseException:
            self._everyone = True  # whoever was to be judged has not been
            raise
        standings = [self._days[point.unit_id].at(point, now) for point in self._points]
        return Board(date, now, self._tally.people(), standings, self._names)

    async def _judge_everyone(self, tx: Tx, date: dt.date, now: dt.datetime) -> None:
        self._tally, self._date, self._everyone_at = Tally(), date, time.monotonic()
        self._tally.put(await figures.states(tx, date, now))
        self._tally.put_later(await figures.later(tx, date, now))
        self._points = await counters.points(tx)
        self._days = days_of(await counters.pieces(tx, date))
        self._names = await figures.opd_names(tx)

    async def _judge(self, tx: Tx, date: dt.date, now: dt.datetime, people: set[UUID], changed: set[UUID]) -> None:
        if people:
            self._tally.put(await figures.states(tx, date, now, people))
            self._tally.put_later(await figures.later(tx, date, now, people))
        unit_ids = await counters.staffed_by(tx, date, changed) if changed else []
        if unit_ids:
            self._days.update(days_of(await counters.pieces(tx, date, unit_ids=unit_ids)))
