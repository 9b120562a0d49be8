"""Today's views, kept by judging again only those people whose facts or whose time have come.

Judging is always done by verdicts.sql; here its answers are only remembered and counted. Whoever may have changed
is judged again: those named with a change of facts, those whose `next_due` has passed, and everyone after
anything that concerns everyone and once in a while in any case.
"""

import datetime as dt
import heapq
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.reporting import domain
from services.reporting.store import board
from shared.clock import WIB
from shared.database import Database
from shared.events import DUTIES

SOME = 300
"""Above so many people, judging the whole date at once is cheaper."""
EVERYONE_AFTER_S = 20.0
"""Wall seconds after which everyone is judged again though nothing asked for it."""

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
        return domain.compliance(_groups(self._city))

    def opd(self, code: str) -> dict[str, Any]:
        return domain.compliance(_groups(self._opds.get(code, Counter())))

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
        self._changed: set[UUID] = set()
        self._everyone = True
        self._names_changed = True
        self._everyone_at = 0.0

    def change(self, people: Iterable[UUID] | None) -> None:
        """The facts of these people changed; None for anyone's."""
        if people is None:
            self._everyone = True
        else:
            self._changed.update(people)
        self._names_changed = self._names_changed or not people

    async def look(self, now: dt.datetime) -> Board:
        """The views as of `now`."""
        date = now.astimezone(WIB).date()
        overdue = time.monotonic() - self._everyone_at > EVERYONE_AFTER_S
        everyone = self._everyone or date != self._date or overdue
        people = self._changed | (set() if everyone else self._tally.due(now))
        names_changed = self._names_changed or everyone
        self._changed, self._everyone, self._names_changed = set(), False, False
        try:
            async with self._db.read() as tx:
                if everyone or len(people) > SOME:
                    rows = await board.states(tx.connection, date, now)
                    self._tally, self._date, self._everyone_at = Tally(), date, time.monotonic()
                    self._tally.put(rows)
                elif people:
                    self._tally.put(await board.states_of(tx.connection, date, now, people))
                units = await board.coverage(tx.connection, date, now)
                if names_changed:
                    self._names = await board.opd_names(tx.connection)
        except BaseException:
            self._everyone = self._names_changed = True  # whoever was to be judged has not been
            raise
        return _board(self._tally, self._names, units, date, now)


async def look_at(conn: Any, date: dt.date, as_of: dt.datetime) -> Board:
    """The views of any date as of any instant, for one look."""
    tally = Tally()
    tally.put_counts(await board.counts(conn, date, as_of))
    units = await board.coverage(conn, date, as_of)
    return _board(tally, await board.opd_names(conn), units, date, as_of)


def _board(
    tally: Tally, names: Mapping[str, str], units: Sequence[Mapping[str, Any]], date: dt.date, as_of: dt.datetime
) -> Board:
    moment = {"date": date.isoformat(), "as_of": domain.text(as_of)}
    units_of: dict[str, list[Mapping[str, Any]]] = {}
    for unit in units:
        units_of.setdefault(unit["opd_code"], []).append(unit)
    return Board(
        city={**moment, **tally.city(), "coverage": domain.coverage_summary(units)},
        opds=[
            {
                "opd_code": code,
                "opd_name": names.get(code, code),
                **moment,
                **tally.opd(code),
                "coverage": domain.coverage_summary(units_of.get(code, [])),
            }
            for code in sorted({*names, *tally.opd_codes()})
        ],
        units=[domain.coverage_figures(unit) for unit in units],
    )
