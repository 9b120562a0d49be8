"""Terminals as their officers see them, with how they are."""

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.attendance.domain.taps import AGREES, Reason
from services.attendance.domain.terminals import Keys, Meaning, Stranger
from services.attendance.store import taps, terminals
from services.attendance.store.tables import Terminal
from shared.access import Principal, only_opd
from shared.database import Tx


class ClockOut(BaseModel):
    """How far a terminal's clock was ahead of ours, in seconds, when they were last compared."""

    compared_at: dt.datetime
    ahead_s: float
    agrees: bool


class TerminalOut(BaseModel):
    """A terminal: what was said of it, what it shows by itself, how many of its lines wait, by reason."""

    serial: str
    name: str
    unit_id: str
    opd_code: str | None
    enabled: bool
    utc_offset_minutes: int
    keys: Keys
    states: Mapping[str, Meaning]
    commissioned_at: dt.datetime
    networks: Sequence[str]
    has_key: bool
    seen_at: dt.datetime | None
    clock: ClockOut | None
    waiting: Mapping[str, int]


class StrangerOut(BaseModel):
    """One that called and is not believed, and why."""

    model_config = ConfigDict(from_attributes=True)

    serial: str
    why: Stranger
    address: str
    first_at: dt.datetime
    last_at: dt.datetime


class PinOut(BaseModel):
    """Whose number it is; without `serial` at all terminals that do not say otherwise."""

    pin: str
    serial: str | None
    employee_id: UUID


class LineOut(BaseModel):
    """A line that has become no punch, and why. `local_time` is the terminal's display."""

    model_config = ConfigDict(from_attributes=True)

    line_id: UUID
    received_at: dt.datetime
    raw: str
    pin: str | None
    local_time: dt.datetime | None
    state: str | None
    by_hand: bool
    reason: Reason


def _clock(terminal: Terminal) -> ClockOut | None:
    if terminal.compared_at is None:
        return None
    return ClockOut(
        compared_at=terminal.compared_at,
        ahead_s=terminal.ahead.total_seconds(),
        agrees=abs(terminal.ahead) <= AGREES,
    )


async def shown(tx: Tx, some: Sequence[Terminal]) -> list[TerminalOut]:
    """Terminals with how they are."""
    opds = await terminals.opds_of(tx, {one.unit_id for one in some})
    waiting = await taps.counts(tx, [one.serial for one in some])
    return [
        TerminalOut.model_validate(
            one.model_dump()
            | {
                "opd_code": opds.get(one.unit_id),
                "has_key": one.key_digest is not None,
                "clock": _clock(one),
                "waiting": waiting.get(one.serial, {}),
            }
        )
        for one in some
    ]


async def listed(tx: Tx, who: Principal, *, limit: int, after: str | None) -> list[TerminalOut]:
    """The terminals that are this officer's, by serial number."""
    opd_code = only_opd(who)
    unit_ids = None if opd_code is None else await terminals.units_in(tx, opd_code)
    return await shown(tx, await terminals.listed(tx, unit_ids=unit_ids, limit=limit, after=after))


async def strangers(tx: Tx, *, limit: int, after: tuple[dt.datetime, str] | None) -> list[StrangerOut]:
    """Those that called and are not believed, the latest first."""
    return [StrangerOut.model_validate(one) for one in await terminals.strangers(tx, limit=limit, after=after)]


async def pins(tx: Tx, serial: str, *, limit: int, after: str | None) -> list[PinOut]:
    """The numbers at one terminal, or with an empty `serial` the city's."""
    found = await terminals.listed_pins(tx, serial=serial, limit=limit, after=after)
    return [PinOut(pin=one.pin, serial=one.serial or None, employee_id=one.employee_id) for one in found]


async def lines(tx: Tx, serial: str, *, limit: int, after: tuple[dt.datetime, UUID] | None) -> list[LineOut]:
    """Lines of a terminal that wait, the latest first."""
    found = await taps.listed(tx, serial, limit=limit, after=after)
    return [LineOut.model_validate(one.model_dump() | {"local_time": one.local}) for one in found]
