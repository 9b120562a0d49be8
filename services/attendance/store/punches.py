"""Punches and voids."""

import datetime as dt
from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import Struct
from sqlmodel import col, select

from services.attendance.domain.punches import ClockOffset, Source, TimeTrust
from services.attendance.store.tables import Punch, Void
from shared.database import Tx
from shared.events import PunchKind, Zone


class PunchRow(Struct, frozen=True, gc=False):
    """One row of `punch`: what `Punch` declares, without what an ORM object costs a check-in."""

    punch_id: UUID
    employee_id: UUID
    opd_code: str
    unit_id: str
    work_date: dt.date
    kind: PunchKind
    at: dt.datetime
    received_at: dt.datetime
    device_at: dt.datetime | None
    zone: Zone
    source: Source
    flags: Sequence[str]
    lat: float | None
    lon: float | None
    accuracy_m: float | None
    time_trust: TimeTrust
    address: str | None = None
    mock: bool | None = None
    device_id: str | None = None
    boot_id: str | None = None
    elapsed_ms: int | None = None
    sequence: int | None = None


_OFFSETS = """
    select who.employee_id, latest.ahead, latest.received_at
    from unnest($1::uuid[]) as who(employee_id), lateral (
        select received_at - device_at as ahead, received_at from punch
        where punch.employee_id = who.employee_id and source = 'app' and device_at is not null
        order by work_date desc, received_at desc limit 1
    ) as latest
"""
_COLUMNS = PunchRow.__struct_fields__
_TYPES = (
    *("uuid", "uuid", "text", "text", "date", "text", "timestamptz", "timestamptz", "timestamptz"),
    *("text", "text", "text", "float8", "float8", "float8", "text", "text"),
    *("boolean", "text", "text", "bigint", "bigint"),
)
EVIDENCE = ("lat", "lon", "accuracy_m", "address", "mock", "device_id", "boot_id", "elapsed_ms", "sequence")
"""What is purged, and belongs to no other punch: where somebody was, and with which device."""

_PLAIN = _COLUMNS[: _COLUMNS.index("mock")]
# Texts where they travel: flags because arrays of arrays cannot be unnested row by row, an address because the
# driver would make an object of it.
_GIVEN = {"flags": "string_to_array(flags, ' ')", "address": "address::inet"}
_READ = {"address": "host(address)"}


def _insert(columns: tuple[str, ...]) -> str:
    arrays = ", ".join(
        f"${n}::{kind}[]" for n, (_, kind) in enumerate(zip(columns, _TYPES, strict=False), start=1)
    )
    names = ", ".join(columns)
    return f"""
        insert into punch ({names})
        select {", ".join(_GIVEN.get(name, name) for name in columns)} from unnest({arrays}) as given ({names})
        on conflict (punch_id) do nothing
        returning punch_id
    """  # noqa: S608 - the names are those of the row above


_INSERT = {columns: _insert(columns) for columns in (_COLUMNS, _PLAIN)}
_SELECTED = ", ".join(f"{_READ.get(name, name)} as {name}" for name in _COLUMNS)
_STORED = f"select {_SELECTED} from punch where punch_id = any($1::uuid[])"  # noqa: S608 - likewise
NOTHING = ", ".join(f"{name} = null" for name in EVIDENCE)
TELLS = "num_nonnulls(lat, address, mock, device_id) > 0"
"""Of a punch, whether any of that is known; as the index of those has it."""

_FORGET = f"""
    update punch set {NOTHING} where employee_id = any($1::uuid[]) and {TELLS}
"""  # noqa: S608 - likewise


async def clock_offsets(tx: Tx, employee_ids: Iterable[UUID]) -> dict[UUID, ClockOffset]:
    """What each person's last connected punch that told its device's time says about the device's clock."""
    return {
        row["employee_id"]: ClockOffset(row["ahead"], row["received_at"])
        for row in await tx.connection.fetch(_OFFSETS, list(employee_ids))
    }


async def insert(tx: Tx, rows: Sequence[PunchRow]) -> set[UUID]:
    """Store punches whose id is not taken; the ids stored. Ordered, so that two transactions cannot deadlock."""
    if not rows:
        return set()
    ordered = sorted(rows, key=lambda row: row.punch_id.int)
    # Of the plain check-in neither device nor signals are written, nor read.
    told = _COLUMNS if any(row.device_id is not None or row.mock is not None for row in ordered) else _PLAIN
    columns = {name: [getattr(row, name) for row in ordered] for name in told}
    columns["flags"] = [" ".join(row.flags) for row in ordered]
    return {row["punch_id"] for row in await tx.connection.fetch(_INSERT[told], *columns.values())}


async def stored(tx: Tx, punch_ids: Iterable[UUID]) -> dict[UUID, PunchRow]:
    """Those of `punch_ids` that are recorded, voided or not."""
    rows = await tx.connection.fetch(_STORED, list(punch_ids))
    return {row["punch_id"]: PunchRow(**row) for row in rows}


async def forget(tx: Tx, employee_ids: Iterable[UUID]) -> None:
    """Erase where people were and with which devices. Zones and how far times are believed, which are facts
    already published, stay."""
    await tx.connection.execute(_FORGET, list(employee_ids))


async def day_of(tx: Tx, employee_id: UUID, work_date: dt.date) -> Sequence[tuple[Punch, Void | None]]:
    """What is recorded of a person for a work date: by `at`, then `in` before `out`, then punch_id."""
    query = (
        select(Punch, Void)
        .join(Void, col(Void.punch_id) == col(Punch.punch_id), isouter=True)
        .where(col(Punch.employee_id) == employee_id, col(Punch.work_date) == work_date)
        .order_by(col(Punch.at), col(Punch.kind), col(Punch.punch_id))
    )
    return (await tx.session.exec(query)).all()


async def lock(tx: Tx, punch_id: UUID) -> Punch | None:
    """A punch, held until the transaction ends, so that two officers void it one after the other."""
    return await tx.session.get(Punch, punch_id, with_for_update=True)


async def void_of(tx: Tx, punch_id: UUID) -> Void | None:
    """The void of a punch, if it has one."""
    return await tx.session.get(Void, punch_id)
