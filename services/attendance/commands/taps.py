"""From a terminal's lines to punches: each becomes one, or waits aside with its reason; none is lost or double."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from services.attendance.commands import Act, punches
from services.attendance.commands.punches import Intake, Recorded, Tapped
from services.attendance.commands.terminals import BY_FILE, clock_of
from services.attendance.domain import punches as rules
from services.attendance.domain import taps as domain
from services.attendance.domain.punches import Plan
from services.attendance.domain.taps import Clock, Contact, Line, Reason
from services.attendance.domain.terminals import Keys, Meaning
from services.attendance.store import directory, terminals
from services.attendance.store import taps as store
from services.attendance.store.tables import Terminal
from shared import audit
from shared.database import Tx
from shared.dates import local_date
from shared.events import PunchKind

Became = Literal["recorded", "repeated", "ignored"]
AT_ONCE = 500
"""Lines that share a transaction."""


@dataclass(slots=True)
class Tally:
    """What became of lines: how many of each, and those that wait, with the reason."""

    became: Counter[Became] = field(default_factory=Counter["Became"])
    aside: list[tuple[Line, Reason]] = field(default_factory=list[tuple[Line, Reason]])

    def add(self, other: "Tally") -> None:
        self.became.update(other.became)
        self.aside += other.aside


@dataclass(frozen=True, slots=True)
class Door:
    """Of a terminal, what its lines are judged by; `by_hand`: a file brought them."""

    serial: str
    unit_id: str
    utc_offset_minutes: int
    keys: Keys
    states: Mapping[str, Meaning]
    commissioned_at: dt.datetime
    clock: Clock
    by_hand: bool = False

    def instant(self, local: dt.datetime) -> dt.datetime:
        return domain.instant(local, self.utc_offset_minutes)


def door_of(terminal: Terminal, clock: Clock, *, by_hand: bool = False) -> Door:
    """What the lines of a terminal are judged by."""
    keys: Keys = "first_last" if terminal.keys == "first_last" else "pressed"
    return Door(
        terminal.serial,
        terminal.unit_id,
        terminal.utc_offset_minutes,
        keys,
        terminal.states,
        terminal.commissioned_at,
        clock,
        by_hand,
    )


async def compare(tx: Tx, terminal: Terminal, times: Sequence[dt.datetime], now: dt.datetime) -> Clock:
    """Compare a terminal's clock with ours by the newest of the times, on its display, that a message tells."""
    clock = clock_of(terminal)
    if not times:
        return clock
    newest = domain.instant(max(times), terminal.utc_offset_minutes)
    contact = None
    if terminal.contact_since is not None and terminal.seen_at is not None:
        contact = Contact(terminal.contact_since, terminal.seen_at)
    after = domain.compared(clock, newest, now, contact)
    if after != clock:
        await terminals.compared(tx, terminal.serial, after)
    return after


@dataclass(frozen=True, slots=True)
class _Tap:
    """A line that can be a punch."""

    line: Line
    employee_id: UUID
    at: dt.datetime
    kind: PunchKind


async def take(tx: Tx, door: Door, lines: Sequence[Line]) -> Tally:
    """Take in lines of one terminal, in any order, the same ones again or not."""
    tally = Tally()
    done = await store.recorded(tx, [line.line_id for line in lines])
    tally.became["repeated"] += sum(line.line_id in done for line in lines)
    fresh = await _as_first(tx, door, {line.line_id: line for line in lines if line.line_id not in done})
    tally.became["repeated"] += len(lines) - len(fresh) - tally.became["repeated"]
    pins = {line.pin for line in fresh if line.pin is not None}
    people = await terminals.employees(tx, door.serial, pins) if pins else {}
    settled = set(done)
    waiting: list[_Tap] = []
    for line in fresh:
        judged = _judge(door, line, people)
        if isinstance(judged, _Tap):
            waiting.append(judged)
        elif judged == "ignored":
            tally.became["ignored"] += 1
            settled.add(line.line_id)
        else:
            tally.aside.append((line, judged))
    if door.keys == "first_last":
        waiting = await _kinds(tx, waiting)
    results = await punches.record(tx, [_intake(door, tap) for tap in waiting])
    for tap, result in zip(waiting, results, strict=True):
        if isinstance(result, Recorded):
            tally.became["recorded" if result.created else "repeated"] += 1
            settled.add(tap.line.line_id)
        else:
            tally.aside.append((tap.line, "not_employed"))
    await store.keep(tx, door.serial, tally.aside, by_hand=door.by_hand)
    await store.settle(tx, settled)
    return tally


async def _as_first(tx: Tx, door: Door, lines: Mapping[UUID, Line]) -> list[Line]:
    """The lines as they are judged: as of when each first came, for a false time does not come true by waiting."""
    first = await store.first(tx, lines)
    known: list[Line] = []
    for line in lines.values():
        received_at, vouched = first.get(line.line_id, (line.received_at, False))
        if line.local is not None:
            vouched = vouched or (not door.by_hand and door.clock.vouches_for(door.instant(line.local)))
        known.append(replace(line, received_at=received_at, vouched=vouched))
    return known


def _judge(door: Door, line: Line, people: Mapping[str, UUID]) -> _Tap | Reason | Literal["ignored"]:
    if line.pin is None or line.local is None or line.state is None:
        return "unreadable"
    at = door.instant(line.local)
    wrong = domain.wrong_time(line.local, at, line.received_at, door.commissioned_at)
    if wrong is not None:
        return wrong
    kind = domain.meaning(line.state, door.states, door.keys)
    if kind == "ignored":
        return kind
    employee_id = people.get(line.pin)
    if kind is None or employee_id is None:
        return "unknown_state" if kind is None else "unknown_pin"
    return _Tap(line, employee_id, at, kind)


def _intake(door: Door, tap: _Tap) -> Intake:
    received_at = tap.line.received_at
    timing = domain.timing(tap.at, received_at, door.clock, believed=tap.line.vouched)
    return Intake(
        tap.line.line_id,
        tap.employee_id,
        tap.kind,
        tap.at,
        None,
        "terminal",
        received_at,
        tapped=Tapped(timing, door.unit_id),
    )


async def _kinds(tx: Tx, waiting: Sequence[_Tap]) -> list[_Tap]:
    """The taps in the order of their times, each with its kind by what came before it."""
    if not waiting:
        return []
    times = [tap.at for tap in waiting]
    dates = {local_date(at) for at in times}
    people = await directory.posted(
        tx,
        {tap.employee_id for tap in waiting},
        (min(dates) - rules.PLANS_BEFORE, max(dates) + rules.PLANS_AFTER),
        [],
        (min(times) - rules.REACH, max(times) + rules.REACH),
    )
    plans: dict[UUID, dict[dt.date, Plan]] = {who: person.plans for who, person in people.items()}
    days = {
        tap.line.line_id: (
            tap.employee_id,
            rules.work_date_of("in", tap.at, rules.near(tap.at, plans.get(tap.employee_id, {}))),
        )
        for tap in waiting
    }
    before: dict[tuple[UUID, dt.date], list[tuple[dt.datetime, PunchKind]]] = {}
    for one in await store.earlier(tx, set(days.values())):
        before.setdefault((one.employee_id, one.work_date), []).append((one.at, one.kind))
    known: list[_Tap] = []
    for tap in sorted(waiting, key=lambda tap: tap.at):
        day = before.setdefault(days[tap.line.line_id], [])
        kind = domain.kind_without_keys(tap.at, day)
        day.append((tap.at, kind))
        known.append(_Tap(tap.line, tap.employee_id, tap.at, kind))
    return known


async def put_aside(tx: Tx, door: Door, line: Line, reason: Reason) -> None:
    """Set one line aside that could not even be judged."""
    await store.keep(tx, door.serial, [(line, reason)], by_hand=door.by_hand)


async def replay(tx: Tx, act: Act, terminal: Terminal, reason: str) -> Tally:
    """Judge again all lines of a terminal that wait, as of when each first came.

    For after the map of numbers, the states or the beginning have been mended. A time that was wrong stays wrong.
    """
    tally, after = Tally(), (dt.datetime.min.replace(tzinfo=dt.UTC), UUID(int=0))
    while lines := await store.waiting(tx, terminal.serial, after=after, limit=AT_ONCE):
        last = lines[-1].line
        after = last.received_at, last.line_id
        for by_hand in (False, True):
            door = door_of(terminal, clock_of(terminal), by_hand=by_hand)
            tally.add(await take(tx, door, [one.line for one in lines if one.by_hand is by_hand]))
    detail = {"recorded": tally.became["recorded"], "waiting": len(tally.aside)}
    serial = terminal.serial
    await audit.add(tx, act.now, act.who, "terminal.replayed", subject=serial, reason=reason, detail=detail)
    return tally


async def dismiss(tx: Tx, act: Act, serial: str, reasons: Sequence[Reason], why: str) -> int:
    """Drop the lines that wait for these reasons: nothing is to be made of them. How many."""
    gone = await store.dismiss(tx, serial, reasons)
    detail = {"reasons": list(reasons), "lines": gone}
    await audit.add(tx, act.now, act.who, "terminal.dismissed", subject=serial, reason=why, detail=detail)
    return gone


async def take_file(tx: Tx, act: Act, terminal: Terminal, lines: Sequence[Line]) -> Tally:
    """Take in the lines of a file of a terminal. It came by hand: no time of it is verified."""
    door, tally = door_of(terminal, clock_of(terminal), by_hand=True), Tally()
    for first in range(0, len(lines), AT_ONCE):
        tally.add(await take(tx, door, lines[first : first + AT_ONCE]))
    detail = {"lines": len(lines), "recorded": tally.became["recorded"], "waiting": len(tally.aside)}
    await audit.add(tx, act.now, act.who, "terminal.file", subject=terminal.serial, reason=BY_FILE, detail=detail)
    return tally
