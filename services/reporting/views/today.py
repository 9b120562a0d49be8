"""Today's views, kept by judging again only those people whose facts or whose time have come.

Judging is always done by verdicts.sql; here its answers are only remembered and counted. Whoever may have changed
is judged again: those named with a change of facts, those whose `next_due` has passed, and everyone after
anything that concerns everyone and once in a while in any case. Likewise the service points: coverage.sql is asked
again for those where a changed person is to be, and counters.py follows the clock between.
"""

import datetime as dt
import heapq
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.reporting.domain import figures
from services.reporting.domain.counters import CounterDay, days_of
from services.reporting.store import board
from shared.database import Database
from shared.dates import local_date
from shared.events import DUTIES

SOME = 3000
"""Above so many people, judging the whole date at once is cheaper."""
EVERYONE_AFTER_S = 300.0
"""Wall seconds after which everyone is judged again though nothing asked for it: a belt beside the braces."""

_States = tuple[str, ...]
"""Mode, then the five duties' states in the order of DUTIES."""


@dataclass(frozen=True, slots=True)
class Board:
    """The three views of one date as of one instant; `opds` and `units` as the items of their lists."""

    city: dict[str, Any]
    opds: list[dict[str, Any]]
    units: list[dict[str, Any]]


class Tally:
    """The states of one date's people, counted for the city and for each OPD."""

    def __init__(self) -> None:
        self._held: dict[UUID, tuple[str, _States, dt.datetime | None]] = {}
        self._city: Counter[_States] = Counter()
        self._opds: dict[str, Counter[_States]] = {}
        self._due: list[tuple[dt.datetime, UUID]] = []
        self._later: list[tuple[dt.datetime, UUID]] = []

    def put(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the newest verdicts of some people."""
        for row in rows:
            person, opd, due = row["employee_id"], row["opd_code"], row["next_due"]
            states = (row["mode"], *(row[duty] for duty in DUTIES))
            held = self._held.get(person)
            if held is not None:
                self._count(held[0], held[1], -1)
            self._count(opd, states, +1)
            self._held[person] = (opd, states, due)
            if due is not None and (held is None or held[2] != due):
                heapq.heappush(self._due, (due, person))

    def put_later(self, facts: Iterable[tuple[UUID, dt.datetime]]) -> None:
        """Judge these people again when facts of theirs, known already, begin to count."""
        for person, at in facts:
            heapq.heappush(self._later, (at, person))

    def put_counts(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take people already counted by OPD, mode and states; nobody is remembered."""
        for row in rows:
            self._count(row["opd_code"], (row["mode"], *(row[duty] for duty in DUTIES)), row["n"])

    def _count(self, opd: str, states: _States, by: int) -> None:
        for counts in (self._city, self._opds.setdefault(opd, Counter())):
            counts[states] += by
            if not counts[states]:
                del counts[states]

    def due(self, now: dt.datetime) -> set[UUID]:
        """Those for whom an instant at which time alone may change a state is not after `now`."""
        found: set[UUID] = set()
        while self._later and self._later[0][0] <= now:
            found.add(heapq.heappop(self._later)[1])
        waiting: list[tuple[dt.datetime, UUID]] = []
        while self._due and self._due[0][0] <= now:
            due, person = heapq.heappop(self._due)
            if self._held[person][2] == due:
                found.add(person)
                if due == now:  # still pending at the very instant, so it is due a moment later as well
                    waiting.append((due, person))
        for one in waiting:
            heapq.heappush(self._due, one)
        return found

    def city(self) -> dict[str, Any]:
        return figures.compliance(_groups(self._city))

    def opd(self, code: str) -> dict[str, Any]:
        return figures.compliance(_groups(self._opds.get(code, Counter())))

    def opd_codes(self) -> set[str]:
        return {code for code, counts in self._opds.items() if counts}


def _groups(counts: Counter[_States]) -> Iterable[dict[str, Any]]:
    for states, n in counts.items():
        yield {"mode": states[0], **dict(zip(DUTIES, states[1:], strict=True)), "n": n}


class Today:
    """The views of the present local date."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._date: dt.date | None = None
        self._tally = Tally()
        self._names: dict[str, str] = {}
        self._points: list[Mapping[str, Any]] = []
        self._days: dict[str, CounterDay] = {}
        self._changed: set[UUID] = set()
        self._everyone = True
        self._everyone_at = 0.0

    def change(self, people: Collection[UUID]) -> None:
        """Facts of these people changed. Of nobody in particular: of everyone, or of the city itself."""
        self._changed.update(people)
        self._everyone = self._everyone or not people

    async def look(self, now: dt.datetime) -> Board:
        """The views as of `now`."""
        date = local_date(now)
        people = self._changed | self._tally.due(now)
        overdue = time.monotonic() - self._everyone_at > EVERYONE_AFTER_S
        everyone = self._everyone or overdue or date != self._date or len(people) > SOME
        changed, self._changed, self._everyone = self._changed, set(), False
        try:
            async with self._db.read() as tx:
                if everyone:
                    await self._judge_everyone(tx.connection, date, now)
                else:
                    await self._judge(tx.connection, date, now, people, changed)
        except BaseException:
            self._everyone = True  # whoever was to be judged has not been
            raise
        units = [{**point, **self._days[point["unit_id"]].at(now)} for point in self._points]
        return _board(self._tally, self._names, units, date, now)

    async def _judge_everyone(self, conn: Any, date: dt.date, now: dt.datetime) -> None:
        self._tally, self._date, self._everyone_at = Tally(), date, time.monotonic()
        self._tally.put(await board.states(conn, date, now))
        self._tally.put_later(await board.later(conn, date, now))
        self._points = await board.points(conn)
        self._days = days_of(await board.pieces(conn, date))
        self._names = await board.opd_names(conn)

    async def _judge(
        self, conn: Any, date: dt.date, now: dt.datetime, people: set[UUID], changed: set[UUID]
    ) -> None:
        if people:
            self._tally.put(await board.states_of(conn, date, now, people))
            self._tally.put_later(await board.later(conn, date, now, people))
        counters = await board.counters_of(conn, date, changed) if changed else []
        if counters:
            self._days.update(days_of(await board.pieces(conn, date, counters)))


async def look_at(conn: Any, date: dt.date, as_of: dt.datetime) -> Board:
    """The views of any date as of any instant, for one look."""
    tally = Tally()
    tally.put_counts(await board.counts(conn, date, as_of))
    units = await board.coverage(conn, date, as_of)
    return _board(tally, await board.opd_names(conn), units, date, as_of)


def _board(
    tally: Tally, names: Mapping[str, str], units: Sequence[Mapping[str, Any]], date: dt.date, as_of: dt.datetime
) -> Board:
    moment = {"date": date.isoformat(), "as_of": figures.text(as_of)}
    units_of: dict[str, list[Mapping[str, Any]]] = {}
    for unit in units:
        units_of.setdefault(unit["opd_code"], []).append(unit)
    return Board(
        city={**moment, **tally.city(), "coverage": figures.coverage_summary(units)},
        opds=[
            {
                "opd_code": code,
                "opd_name": names.get(code, code),
                **moment,
                **tally.opd(code),
                "coverage": figures.coverage_summary(units_of.get(code, [])),
            }
            for code in sorted({*names, *tally.opd_codes()})
        ],
        units=[figures.coverage_figures(unit) for unit in units],
    )
