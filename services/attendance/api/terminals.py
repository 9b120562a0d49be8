"""The officers' doors to terminals: register and alter them, whose number is whose, how they are, and the lines of
theirs that wait. A PIN stands in bodies only: in some offices it is a NIP."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter

from services.attendance.api import PREFIX, Running, described, read
from services.attendance.api.taps import count
from services.attendance.commands import Act, attlog, taps, terminals
from services.attendance.commands.taps import Tally
from services.attendance.domain import Exact
from services.attendance.domain.taps import Reason
from services.attendance.domain.terminals import SERIAL, TerminalTerms
from services.attendance.views import terminals as views
from services.attendance.views.terminals import LineOut, PinOut, StrangerOut, TerminalOut
from shared import csvfile
from shared.access import MANAGE_TERMINALS, Principal, acts_for_city
from shared.auth import require
from shared.csvfile import Rejected
from shared.cursors import Limit, Page, cut, read_cursor
from shared.database import Tx
from shared.personal import Reason as Why
from shared.refusals import Forbidden
from shared.service import Service

router = APIRouter(prefix=PREFIX)
Manager = Annotated[Principal, Depends(require(MANAGE_TERMINALS))]
SerialPath = Annotated[str, Path(pattern=SERIAL)]

FILE_LIMIT = 4 * 1024 * 1024
MOST_LISTED = 1000
_CSV = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class TerminalIn(TerminalTerms):
    """The whole terminal as it shall be, and why."""

    reason: Why


class WhyIn(Exact):
    """Why it is done."""

    reason: Why


class DismissalIn(WhyIn):
    """Which lines are to be dropped, by what they wait for."""

    waiting_for: Annotated[list[Reason], Field(min_length=1, max_length=20)]


class Dismissed(BaseModel):
    """How many lines were dropped."""

    lines: int


class AsideOut(BaseModel):
    """A line that became no punch: as it stands, and why."""

    line: Annotated[str, StringConstraints(max_length=300)]
    reason: Reason


class TakenOut(BaseModel):
    """What became of lines: punches made, those that were punches already, those that say nothing; and of the
    lines that wait, how many for which reason and the first thousand of them."""

    dry_run: bool
    lines: int
    recorded: int
    repeated: int
    ignored: int
    waiting: Mapping[str, int]
    aside: Sequence[AsideOut]


class PinsOut(BaseModel):
    """What a file of numbers makes or made: given, given to somebody else than before, taken away."""

    dry_run: bool
    rows: int
    given: int
    moved: int
    gone: int
    unchanged: int


class _DryRun(Exception):
    """Rolls back: a dry run is the run itself, without its end."""


@asynccontextmanager
async def _tried(service: Service, *, dry_run: bool) -> AsyncGenerator[Tx]:
    with suppress(_DryRun):
        async with service.db.transaction() as tx:
            yield tx
            if dry_run:
                raise _DryRun


TERMINAL = TypeAdapter(TerminalIn)
WHY = TypeAdapter(WhyIn)
DISMISSAL = TypeAdapter(DismissalIn)


@router.put(
    "/terminals/{serial}",
    responses={201: {"model": TerminalOut, "description": "It is registered now"}},
    openapi_extra=described(TERMINAL),
)
async def put(
    serial: SerialPath, request: Request, response: Response, who: Manager, service: Running
) -> TerminalOut:
    """Register the terminal with this serial number, or alter it."""
    body = await read(request, TERMINAL)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        terminal, created = await terminals.register(tx, act, serial, body, body.reason)
        (shown,) = await views.shown(tx, [terminal])
    response.status_code = 201 if created else 200
    return shown


@router.get("/terminals")
async def listed(
    who: Manager, service: Running, limit: Limit = 1000, cursor: str | None = None
) -> Page[TerminalOut]:
    """Your terminals by serial number: when they last called, how their clocks are, how many lines wait."""
    after = str(read_cursor(cursor, str)[0]) if cursor else None
    async with service.db.read() as tx:
        found = await views.listed(tx, who, limit=limit + 1, after=after)
    return cut(found, limit, lambda one: [one.serial])


@router.get("/terminal-strangers")
async def strangers(
    who: Manager, service: Running, limit: Limit = 1000, cursor: str | None = None
) -> Page[StrangerOut]:
    """Terminals that called and are not believed, the latest first, for BKPSDM: nothing of theirs is recorded."""
    if not acts_for_city(who):
        raise Forbidden("terminal.strangers")
    after = None
    if cursor:
        last_at, serial = read_cursor(cursor, dt.datetime, str)
        after = last_at, serial
    async with service.db.read() as tx:
        found = await views.strangers(tx, limit=limit + 1, after=after)
    return cut(found, limit, lambda one: [one.last_at, one.serial])


@router.post("/terminal-pins", openapi_extra=_CSV)
async def set_pins(request: Request, who: Manager, service: Running, dry_run: bool = False) -> PinsOut:
    """Say whose number is whose, by a CSV file: `pin`, `employee_id`, and `serial` for one terminal's own numbers.

    Without `serial` a number is the whole city's. An empty `employee_id` takes a number away. All rows or none.
    """
    body = await request.body()
    act = Act(who, service.clock.now())
    try:
        rows = await asyncio.to_thread(csvfile.read, body, terminals.PIN_COLUMNS, terminals.MORE_PIN_COLUMNS)
        async with _tried(service, dry_run=dry_run) as tx:
            changes = await terminals.set_pins(tx, act, rows)
    except Rejected as rejected:
        raise csvfile.refusal(rejected) from rejected
    return PinsOut(
        dry_run=dry_run,
        rows=len(rows),
        given=len(changes.given),
        moved=len(changes.moved),
        gone=len(changes.gone),
        unchanged=changes.unchanged,
    )


@router.get("/terminal-pins")
async def pins(
    who: Manager,
    service: Running,
    serial: Annotated[str | None, Query(pattern=SERIAL)] = None,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> Page[PinOut]:
    """The numbers at one terminal of yours, or without `serial` those of the whole city, by number."""
    after = str(read_cursor(cursor, str)[0]) if cursor else None
    if serial is None and not acts_for_city(who):
        raise Forbidden("terminal.city_pins")
    async with service.db.read() as tx:
        if serial is not None:
            await terminals.seen_by(tx, who, serial)
        found = await views.pins(tx, serial or "", limit=limit + 1, after=after)
    return cut(found, limit, lambda one: [one.pin])


@router.get("/terminals/{serial}/lines")
async def lines(
    serial: SerialPath, who: Manager, service: Running, limit: Limit = 1000, cursor: str | None = None
) -> Page[LineOut]:
    """Lines of a terminal of yours that have become no punch, and why; the latest first."""
    after = None
    if cursor:
        received_at, line_id = read_cursor(cursor, dt.datetime, UUID)
        after = received_at, line_id
    async with service.db.read() as tx:
        await terminals.seen_by(tx, who, serial)
        found = await views.lines(tx, serial, limit=limit + 1, after=after)
    return cut(found, limit, lambda one: [one.received_at, one.line_id])


@router.post("/terminals/{serial}/replay", openapi_extra=described(WHY))
async def replay(serial: SerialPath, request: Request, who: Manager, service: Running) -> TakenOut:
    """Judge the lines again that wait, after numbers, states or the day of its beginning have been mended."""
    body = await read(request, WHY)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        terminal = await terminals.own(tx, who, serial)
        tally = await taps.replay(tx, act, terminal, body.reason)
    count(service, tally)
    return _taken(tally, dry_run=False)


@router.post("/terminals/{serial}/dismissal", openapi_extra=described(DISMISSAL))
async def dismiss(serial: SerialPath, request: Request, who: Manager, service: Running) -> Dismissed:
    """Drop lines of which nothing is to be made, by what they wait for. The audit keeps how many, and why."""
    body = await read(request, DISMISSAL)
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        await terminals.own(tx, who, serial)
        return Dismissed(lines=await taps.dismiss(tx, act, serial, body.waiting_for, body.reason))


@router.post("/terminals/{serial}/files", openapi_extra=_CSV)
async def file(
    serial: SerialPath, request: Request, who: Manager, service: Running, dry_run: bool = False
) -> TakenOut:
    """Take in a file of a terminal: `attlog.dat` from its USB stick, or CSV with `pin`, `time`, `state`.

    The same lines again, from a file or from the terminal itself, are the same punches. Where a row cannot be read
    nothing is taken in, and every error is named; rows that can be no punch yet wait as the terminal's own do.
    """
    body = await request.body()
    act = Act(who, service.clock.now())
    try:
        read_lines = await asyncio.to_thread(attlog.read, serial, act.now, body)
        async with _tried(service, dry_run=dry_run) as tx:
            terminal = await terminals.own(tx, who, serial)
            tally = await taps.take_file(tx, act, terminal, read_lines)
    except Rejected as rejected:
        raise csvfile.refusal(rejected) from rejected
    if not dry_run:
        count(service, tally)
    return _taken(tally, dry_run=dry_run)


def _taken(tally: Tally, *, dry_run: bool) -> TakenOut:
    return TakenOut(
        dry_run=dry_run,
        lines=sum(tally.became.values()) + len(tally.aside),
        recorded=tally.became["recorded"],
        repeated=tally.became["repeated"],
        ignored=tally.became["ignored"],
        waiting=Counter(reason for _, reason in tally.aside),
        aside=[AsideOut(line=line.raw, reason=reason) for line, reason in tally.aside[:MOST_LISTED]],
    )
