"""Terminals, whose number is whose at them, and those that nobody knows."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlmodel import col, select, tuple_

from services.attendance.domain.taps import GAP, Clock
from services.attendance.domain.terminals import Stranger
from services.attendance.store.tables import StrangeTerminal, Terminal, TerminalPin
from shared.database import Tx

MOST_STRANGERS = 1000
"""So many serial numbers that nobody registered are remembered: who makes them up fills no disk."""

EVERY = dt.timedelta(seconds=20)
"""Calls that come sooner after the last one are not written down: three hundred terminals call twice a minute."""

_SEEN = """
    update terminal set seen_at = $2, contact_since = case when seen_at >= $3 then contact_since else $2 end
    where serial = $1 and (seen_at is null or seen_at < $4)
"""
_STRANGER = """
    insert into strange_terminal as known (serial, why, address, first_at, last_at)
    select $1, $2, $3, $4, $4
    where (select count(*) from strange_terminal) < $5 or exists (select from strange_terminal where serial = $1)
    on conflict (serial) do update set why = excluded.why, address = excluded.address, last_at = excluded.last_at
        where known.last_at < excluded.last_at - interval '1 minute' or known.why <> excluded.why
    returning first_at = last_at as first
"""
_EMPLOYEES = """
    select distinct on (pin) pin, employee_id from terminal_pin
    where pin = any($2::text[]) and serial in ($1, '')
    order by pin, serial desc
"""
_SET_PINS = """
    insert into terminal_pin (pin, serial, employee_id)
    select * from unnest($1::text[], $2::text[], $3::uuid[]) order by 1, 2
    on conflict (pin, serial) do update set employee_id = excluded.employee_id
"""
_DROP_PINS = """
    delete from terminal_pin using unnest($1::text[], $2::text[]) as gone (pin, serial)
    where terminal_pin.pin = gone.pin and terminal_pin.serial = gone.serial
"""
_PINS = """
    select pin, serial, employee_id from terminal_pin where (pin, serial) in (
        select * from unnest($1::text[], $2::text[])
    )
"""


async def find(tx: Tx, serial: str) -> Terminal | None:
    """The terminal with this serial number."""
    return await tx.session.get(Terminal, serial)


async def lock(tx: Tx, serial: str) -> Terminal | None:
    """The same, for officers one after the other. The terminal itself waits for none of them."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"terminal {serial}")
    return await tx.session.get(Terminal, serial)


async def seen(tx: Tx, serial: str, now: dt.datetime) -> None:
    """It has called."""
    await tx.connection.execute(_SEEN, serial, now, now - GAP, now - EVERY)


async def compared(tx: Tx, serial: str, clock: Clock) -> None:
    """Keep what is known of its clock."""
    await tx.connection.execute(
        "update terminal set compared_at = $2, ahead = $3, wrong_until = $4 where serial = $1",
        serial,
        clock.compared_at,
        clock.ahead,
        clock.wrong_until,
    )


async def introduced(tx: Tx, serial: str, address: str) -> None:
    """Keep from where it introduced itself."""
    await tx.connection.execute("update terminal set address = $2 where serial = $1", serial, address)


async def stamped(tx: Tx, serial: str, attendance: str | None, operations: str | None) -> None:
    """Keep how far a terminal says that what is stored here reaches; None leaves it as it is."""
    await tx.connection.execute(
        """
        update terminal set attendance_stamp = coalesce($2, attendance_stamp),
            operation_stamp = coalesce($3, operation_stamp)
        where serial = $1
        """,
        serial,
        attendance,
        operations,
    )


async def listed(tx: Tx, *, unit_ids: Sequence[str] | None, limit: int, after: str | None) -> Sequence[Terminal]:
    """Terminals by serial number; those of some units, where these are given."""
    query = select(Terminal).order_by(col(Terminal.serial)).limit(limit)
    if unit_ids is not None:
        query = query.where(col(Terminal.unit_id).in_(unit_ids))
    if after is not None:
        query = query.where(col(Terminal.serial) > after)
    return (await tx.session.exec(query)).all()


async def units_in(tx: Tx, opd_code: str) -> list[str]:
    """The units of an OPD."""
    rows = await tx.connection.fetch("select unit_id from unit_fact where opd_code = $1", opd_code)
    return [row["unit_id"] for row in rows]


async def opds_of(tx: Tx, unit_ids: Iterable[str]) -> dict[str, str]:
    """The OPD of each unit that the directory knows."""
    rows = await tx.connection.fetch(
        "select unit_id, opd_code from unit_fact where unit_id = any($1::text[])", list(unit_ids)
    )
    return {row["unit_id"]: row["opd_code"] for row in rows}


async def units_of(tx: Tx, serials: Iterable[str]) -> dict[str, str]:
    """The unit of each of the terminals that are registered."""
    rows = await tx.connection.fetch(
        "select serial, unit_id from terminal where serial = any($1::text[])", list(serials)
    )
    return {row["serial"]: row["unit_id"] for row in rows}


async def employees(tx: Tx, serial: str, pins: Iterable[str]) -> dict[str, UUID]:
    """Whose numbers they are at a terminal: by its own list, else by the city's."""
    rows = await tx.connection.fetch(_EMPLOYEES, serial, list(pins))
    return {row["pin"]: row["employee_id"] for row in rows}


async def pins(tx: Tx, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    """Those of (PIN, serial number) that are given to somebody."""
    rows = await tx.connection.fetch(_PINS, [pin for pin, _ in keys], [serial for _, serial in keys])
    return {(row["pin"], row["serial"]): row["employee_id"] for row in rows}


async def change_pins(tx: Tx, given: Mapping[tuple[str, str], UUID], gone: Sequence[tuple[str, str]]) -> None:
    """Give numbers to people, and take others away."""
    await tx.connection.execute(_DROP_PINS, [pin for pin, _ in gone], [serial for _, serial in gone])
    await tx.connection.execute(
        _SET_PINS, [pin for pin, _ in given], [serial for _, serial in given], list(given.values())
    )


async def forget(tx: Tx, employee_ids: Iterable[UUID]) -> None:
    """Take the numbers of people away who are erased."""
    await tx.connection.execute("delete from terminal_pin where employee_id = any($1::uuid[])", list(employee_ids))


async def listed_pins(tx: Tx, *, serial: str, limit: int, after: str | None) -> Sequence[TerminalPin]:
    """The numbers at one terminal, or with an empty `serial` the city's, by number."""
    query = (
        select(TerminalPin).where(col(TerminalPin.serial) == serial).order_by(col(TerminalPin.pin)).limit(limit)
    )
    if after is not None:
        query = query.where(col(TerminalPin.pin) > after)
    return (await tx.session.exec(query)).all()


async def stranger(tx: Tx, serial: str, why: Stranger, address: str, now: dt.datetime) -> bool:
    """Note one that is not believed; whether it is new."""
    rows = await tx.connection.fetch(_STRANGER, serial, why, address, now, MOST_STRANGERS)
    return any(row["first"] for row in rows)


async def no_stranger(tx: Tx, serial: str) -> None:
    """It is registered now."""
    await tx.connection.execute("delete from strange_terminal where serial = $1", serial)


async def forget_strangers(tx: Tx, before: dt.datetime) -> None:
    """Forget those that have not called since."""
    await tx.connection.execute("delete from strange_terminal where last_at < $1", before)


async def strangers(tx: Tx, *, limit: int, after: tuple[dt.datetime, str] | None) -> Sequence[StrangeTerminal]:
    """Those that called and are not believed, the latest first."""
    query = (
        select(StrangeTerminal)
        .order_by(col(StrangeTerminal.last_at).desc(), col(StrangeTerminal.serial).desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(col(StrangeTerminal.last_at), col(StrangeTerminal.serial)) < after)
    return (await tx.session.exec(query)).all()
