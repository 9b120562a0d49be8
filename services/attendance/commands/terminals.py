"""Terminals: registered and altered by officers, believed or not when they call, and whose number is whose."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.attendance.commands import Act
from services.attendance.domain import terminals as domain
from services.attendance.domain.taps import Clock
from services.attendance.domain.terminals import Stranger, TerminalTerms
from services.attendance.store import directory
from services.attendance.store import terminals as store
from services.attendance.store.tables import Terminal
from shared import audit
from shared.access import Principal, only_opd
from shared.csvfile import Cells, Rejected, Row, RowError
from shared.database import Tx
from shared.refusals import FieldError, Invalid, Missing

Known = Terminal
"""A terminal that is believed."""

PIN_COLUMNS = ("pin", "employee_id")
MORE_PIN_COLUMNS = ("serial",)
BY_FILE = "by file"
"""The reason in the audit of what a file does, which has none of its own."""


def clock_of(terminal: Terminal) -> Clock:
    """What is known of its clock."""
    return Clock(terminal.compared_at, terminal.ahead, terminal.wrong_until)


async def own(tx: Tx, who: Principal, serial: str) -> Terminal:
    """The terminal, held until the transaction ends, if it is this officer's. Raises Missing for any other."""
    terminal = await store.lock(tx, serial)
    if terminal is None or not await _is_own(tx, who, terminal.unit_id):
        raise Missing("terminal.not_found")
    return terminal


async def seen_by(tx: Tx, who: Principal, serial: str) -> Terminal:
    """The same, only to be looked at."""
    terminal = await store.find(tx, serial)
    if terminal is None or not await _is_own(tx, who, terminal.unit_id):
        raise Missing("terminal.not_found")
    return terminal


async def _is_own(tx: Tx, who: Principal, unit_id: str) -> bool:
    opd_code = only_opd(who)
    return opd_code is None or (await store.opds_of(tx, [unit_id])).get(unit_id) == opd_code


async def register(tx: Tx, act: Act, serial: str, terms: TerminalTerms, reason: str) -> tuple[Terminal, bool]:
    """Register a terminal, or alter the one with this serial number; it and whether it is new. Raises Refused."""
    if not await store.opds_of(tx, [terms.unit_id]) or not await _is_own(tx, act.who, terms.unit_id):
        raise Invalid("validation", errors=[FieldError("unit_id", "terminal.unit")])
    terminal = await store.lock(tx, serial)
    created = terminal is None
    if terminal is None:
        terminal = Terminal(serial=serial, **_given(serial, terms, None, act.now))
    else:
        if not await _is_own(tx, act.who, terminal.unit_id):
            raise Missing("terminal.not_found")
        for name, value in _given(serial, terms, terminal, act.now).items():
            setattr(terminal, name, value)
    tx.session.add(terminal)
    await tx.flush()
    await store.no_stranger(tx, serial)
    detail = terms.model_dump(mode="json", exclude={"key"}) | {"with_key": terminal.key_digest is not None}
    action = "terminal.registered" if created else "terminal.altered"
    await audit.add(tx, act.now, act.who, action, subject=serial, reason=reason, detail=detail)
    return terminal, created


def _given(serial: str, terms: TerminalTerms, before: Terminal | None, now: dt.datetime) -> dict[str, Any]:
    kept = before.key_digest if before is not None and not terms.no_key else None
    return {
        "name": terms.name,
        "unit_id": terms.unit_id,
        "enabled": terms.enabled,
        "utc_offset_minutes": terms.utc_offset_minutes,
        "keys": terms.keys,
        "states": dict(terms.states),
        "commissioned_at": terms.commissioned_at or (before.commissioned_at if before is not None else now),
        "networks": list(terms.networks),
        "key_digest": kept if terms.key is None else domain.digest(serial, terms.key),
    }


@dataclass(frozen=True, slots=True)
class Call:
    """A terminal that calls: its serial number, from where, and when it `introduces` itself its key."""

    serial: str
    address: str
    introduces: bool = False
    key: str = ""


async def admit(tx: Tx, call: Call, now: dt.datetime) -> Known | Stranger:
    """The terminal that calls, as it was before this call; or why it is not believed.

    One with a key gives it only when it introduces itself: after that it is known by the address it did so from.
    """
    terminal = await store.find(tx, call.serial)
    if terminal is None:
        return "unknown"
    if not terminal.enabled:
        return "disabled"
    if not domain.within(call.address, terminal.networks):
        return "network"
    if terminal.key_digest is not None:
        if call.introduces and domain.opens(call.serial, call.key, terminal.key_digest):
            await store.introduced(tx, call.serial, call.address)
        elif call.introduces or terminal.address != call.address:
            return "key"
    await store.seen(tx, call.serial, now)
    return terminal


async def turned_away(tx: Tx, call: Call, why: Stranger, now: dt.datetime) -> None:
    """Note a terminal that is not believed, and tell the officers once, in the audit."""
    if await store.stranger(tx, call.serial, why, call.address, now):
        await audit.add(tx, now, None, "terminal.stranger", subject=call.serial, reason=why)


async def stamped(
    tx: Tx, terminal: Terminal, *, attendance: str | None = None, operations: str | None = None
) -> None:
    """Keep how far a terminal says that what is stored here reaches: it is told so when it introduces itself."""
    await store.stamped(tx, terminal.serial, attendance, operations)


@dataclass(frozen=True, slots=True)
class PinChanges:
    """What a file makes of the numbers: given anew, given to somebody else, taken away, as they were."""

    given: Mapping[tuple[str, str], UUID]
    moved: Mapping[tuple[str, str], UUID]
    gone: Sequence[tuple[str, str]]
    unchanged: int


async def set_pins(tx: Tx, act: Act, rows: Sequence[Row]) -> PinChanges:
    """Give numbers to people as a file says; an empty `employee_id` takes one away, an empty `serial` is the city.

    Raises Rejected with every error by row and column; then nothing changed.
    """
    errors: list[RowError] = []
    asked = _read_pins(rows, errors)
    await _check_pins(tx, act.who, asked, errors)
    if errors:
        raise Rejected(errors)
    keys = list(asked)
    before = await store.pins(tx, keys)
    given = {key: who for key, (_, who) in asked.items() if who is not None and key not in before}
    moved = {key: who for key, (_, who) in asked.items() if who is not None and before.get(key, who) != who}
    gone = [key for key, (_, who) in asked.items() if who is None and key in before]
    await store.change_pins(tx, {**given, **moved}, gone)
    changes = PinChanges(given, moved, gone, len(asked) - len(given) - len(moved) - len(gone))
    detail = {"given": len(given), "moved": len(moved), "gone": len(gone)}
    serials = sorted({serial for _, serial in keys})
    for serial in serials:
        await audit.add(
            tx, act.now, act.who, "terminal.pins", subject=serial or "*", reason=BY_FILE, detail=detail
        )
    return changes


_Asked = dict[tuple[str, str], tuple[Cells, UUID | None]]


def _read_pins(rows: Sequence[Row], errors: list[RowError]) -> _Asked:
    asked: _Asked = {}
    first: dict[tuple[str, str], int] = {}
    for row in rows:
        cells = Cells(row, errors)
        pin, serial = cells.text("pin"), cells.optional("serial") or ""
        if pin and not domain.is_pin(pin):
            cells.wrong("pin", "import.pin")
        named, employee_id = cells.optional("employee_id"), None
        if named is not None:
            try:
                employee_id = UUID(named)
            except ValueError:
                cells.wrong("employee_id", "import.employee_id")
        stands = first.setdefault((pin, serial), row.number)
        if stands != row.number:
            cells.wrong("pin", "import.twice", first=stands)
        asked.setdefault((pin, serial), (cells, employee_id))
    return asked


async def _check_pins(tx: Tx, who: Principal, asked: _Asked, errors: list[RowError]) -> None:
    """Note the terminals and people that are not known, or not this officer's."""
    units = await store.units_of(tx, {serial for _, serial in asked if serial})
    opds = await store.opds_of(tx, set(units.values()))
    people = await directory.people(tx, {employee for _, employee in asked.values() if employee is not None})
    opd_code = only_opd(who)
    for (_, serial), (cells, employee_id) in asked.items():
        unit_id = units.get(serial, "")
        known = serial in units if serial else opd_code is None
        if not known or (serial and opd_code is not None and opds.get(unit_id) != opd_code):
            errors.append(RowError(cells.row.number, "serial", "import.terminal"))
        if employee_id is None:
            continue
        person = people.get(employee_id)
        if person is None or (opd_code is not None and person.opd_code != opd_code):
            errors.append(RowError(cells.row.number, "employee_id", "import.not_yours"))
