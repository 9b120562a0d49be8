"""Lines of terminals that have become no punch, and what was tapped before."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select, tuple_

from services.attendance.domain.taps import Line, Reason
from services.attendance.store.tables import TerminalLine
from shared.database import Tx
from shared.events import PunchKind

_RECORDED = "select punch_id from punch where punch_id = any($1::uuid[])"
_KEEP = """
    insert into terminal_line as known
        (line_id, serial, received_at, raw, pin, local, state, by_hand, reason, vouched)
    select line_id, $1, received_at, raw, pin, local, state, $2, reason, vouched
    from unnest($3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::timestamp[], $8::text[], $9::text[],
        $10::boolean[]) as given (line_id, received_at, raw, pin, local, state, reason, vouched)
    order by line_id
    on conflict (line_id) do update set reason = excluded.reason, vouched = known.vouched or excluded.vouched
"""
_FIRST = "select line_id, received_at, vouched from terminal_line where line_id = any($1::uuid[])"
_EARLIER = """
    select employee_id, work_date, at, kind from punch
    where (employee_id, work_date) in (select * from unnest($1::uuid[], $2::date[]))
        and not exists (select from void where void.punch_id = punch.punch_id)
"""
_WAITING = """
    select line_id, received_at, raw, pin, local, state, vouched, by_hand from terminal_line
    where serial = $1 and (received_at, line_id) > ($2, $3)
    order by received_at, line_id limit $4 for update
"""
_COUNTS = (
    "select serial, reason, count(*) as lines from terminal_line where serial = any($1::text[]) group by 1, 2"
)
_CITY = "select reason, count(*) as lines from terminal_line group by 1"
_DISMISS = "delete from terminal_line where serial = $1 and reason = any($2::text[]) returning line_id"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line that waits, and whether a file brought it."""

    line: Line
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Tap:
    """Of a punch, what decides the kind of one without keys."""

    employee_id: UUID
    work_date: dt.date
    at: dt.datetime
    kind: PunchKind


async def recorded(tx: Tx, line_ids: Iterable[UUID]) -> set[UUID]:
    """Those that are punches by now, voided or not."""
    return {row["punch_id"] for row in await tx.connection.fetch(_RECORDED, list(line_ids))}


async def keep(tx: Tx, serial: str, lines: Sequence[tuple[Line, Reason]], *, by_hand: bool) -> None:
    """Set lines aside. One that is aside keeps when it first came, and gets the newer reason."""
    if not lines:
        return
    await tx.connection.execute(
        _KEEP,
        serial,
        by_hand,
        [line.line_id for line, _ in lines],
        [line.received_at for line, _ in lines],
        [line.raw for line, _ in lines],
        [line.pin for line, _ in lines],
        [line.local for line, _ in lines],
        [line.state for line, _ in lines],
        [reason for _, reason in lines],
        [line.vouched for line, _ in lines],
    )


async def first(tx: Tx, line_ids: Iterable[UUID]) -> dict[UUID, tuple[dt.datetime, bool]]:
    """Of those that wait: when each first came, and whether the clock could be believed then."""
    rows = await tx.connection.fetch(_FIRST, list(line_ids))
    return {row["line_id"]: (row["received_at"], row["vouched"]) for row in rows}


async def settle(tx: Tx, line_ids: Iterable[UUID]) -> None:
    """They wait no longer."""
    await tx.connection.execute("delete from terminal_line where line_id = any($1::uuid[])", list(line_ids))


async def earlier(tx: Tx, days: Iterable[tuple[UUID, dt.date]]) -> list[Tap]:
    """All that counts of the work dates of these people, whatever its source."""
    asked = list(days)
    rows = await tx.connection.fetch(_EARLIER, [who for who, _ in asked], [day for _, day in asked])
    return [Tap(**row) for row in rows]


async def waiting(tx: Tx, serial: str, *, after: tuple[dt.datetime, UUID], limit: int) -> list[Waiting]:
    """Lines that wait, the oldest first, held until the transaction ends."""
    rows = await tx.connection.fetch(_WAITING, serial, *after, limit)
    return [
        Waiting(
            Line(**{name: row[name] for name in Line.__slots__}),
            row["by_hand"],
        )
        for row in rows
    ]


async def counts(tx: Tx, serials: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many lines of each terminal wait, by reason."""
    found: dict[str, dict[str, int]] = {}
    for row in await tx.connection.fetch(_COUNTS, serials):
        found.setdefault(row["serial"], {})[row["reason"]] = row["lines"]
    return found


async def city(tx: Tx) -> dict[str, int]:
    """How many lines of all terminals wait, by reason."""
    return {row["reason"]: row["lines"] for row in await tx.connection.fetch(_CITY)}


async def dismiss(tx: Tx, serial: str, reasons: Sequence[Reason]) -> int:
    """Drop the lines that wait for these reasons; how many."""
    return len(await tx.connection.fetch(_DISMISS, serial, reasons))


async def listed(
    tx: Tx, serial: str, *, limit: int, after: tuple[dt.datetime, UUID] | None
) -> Sequence[TerminalLine]:
    """Lines that wait, the latest first."""
    query = (
        select(TerminalLine)
        .where(col(TerminalLine.serial) == serial)
        .order_by(col(TerminalLine.received_at).desc(), col(TerminalLine.line_id).desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(col(TerminalLine.received_at), col(TerminalLine.line_id)) < after)
    return (await tx.session.exec(query)).all()
