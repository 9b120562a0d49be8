"""What terminals themselves speak: the push protocol of their firmware, in plain text, at the paths built into it.

No token: a terminal is known by its serial number (docs/terminals.md says how far that can be trusted). Anything
but `OK` makes it try again later, with everything that it has not been told `OK` for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.attendance.commands import taps, terminals
from services.attendance.commands.taps import AT_ONCE, Tally, door_of
from services.attendance.commands.terminals import Call, Known
from services.attendance.domain import taps as domain
from services.attendance.domain.taps import Line, Reason
from services.attendance.domain.terminals import Stranger, is_serial
from shared import failures
from shared.service import Service, service_of

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

Door = Callable[[Request], Awaitable[Response]]

PREFIX = "/iclock"
BODY_LIMIT = 4 * 1024 * 1024
"""Some hundred thousand lines; a terminal sends a few hundred at a time."""

FOREIGN = ("rtlog", "rtstate", "transaction")
"""Tables in which access controllers of the later generation send punches: to say `OK` would lose them."""

_NO_TAPS = "that generation is not spoken here; set the terminal to attendance push"


def _say(text: str, status: int = 200) -> PlainTextResponse:
    return PlainTextResponse(text + "\n", status, headers={"Cache-Control": "no-store"})


def _call(request: Request, *, introduces: bool = False) -> Call:
    query = {name.lower(): value for name, value in request.query_params.items()}
    client = request.client.host if request.client else ""
    key = query.get("pushcommkey") or query.get("key") or ""
    return Call(query.get("sn", ""), client, introduces, key)


async def _admitted(service: Service, call: Call) -> Known | PlainTextResponse:
    """The terminal, or what one that is not believed is told."""
    now = service.clock.now()
    why: Stranger = "unknown"
    if is_serial(call.serial):
        async with service.db.transaction() as tx:
            found = await terminals.admit(tx, call, now)
        if isinstance(found, Known):
            return found
        why = found
        async with service.db.transaction() as tx:
            await terminals.turned_away(tx, call, why, now)
    service.metrics.terminal_strangers.labels(why).inc()
    return _say(f"ERROR: {why}", 403)


async def introduce(request: Request) -> PlainTextResponse:
    """`GET /iclock/cdata?options=all`: what the terminal is to send, how often, and from where on.

    It sets its clock by the Date of this answer and the zone in it. Asked for: attendance and operations; never
    people's fingers, faces and names. Both spellings of the stamps are there, for firmware takes one or the other.
    """
    service = service_of(request)
    terminal = await _admitted(service, _call(request, introduces=True))
    if not isinstance(terminal, Known):
        return terminal
    zone = terminal.utc_offset_minutes
    attendance, operations = terminal.attendance_stamp or "0", terminal.operation_stamp or "0"
    options = {
        "Stamp": attendance,
        "ATTLOGStamp": attendance,
        "OpStamp": operations,
        "OPERLOGStamp": operations,
        "ErrorDelay": 30,
        "Delay": 30,
        "TransTimes": "00:00;12:00",
        "TransInterval": 1,
        "TransFlag": "1100000000",
        # Hours; what is no number of hours is said in minutes, which firmware knows by its size.
        "TimeZone": zone if zone % 60 else zone // 60,
        "Realtime": 1,
        "Encrypt": 0,
    }
    lines = [f"GET OPTION FROM: {terminal.serial}", *(f"{name}={value}" for name, value in options.items())]
    return _say("\n".join(lines))


async def push(request: Request) -> PlainTextResponse:
    """`POST /iclock/cdata?table=...`: lines of attendance become punches or wait aside; of operations only the
    times are looked at; the rest is counted and not kept. `OK: n` says that all n are stored here."""
    service = service_of(request)
    terminal = await _admitted(service, _call(request))
    if not isinstance(terminal, Known):
        return terminal
    query = {name.lower(): value for name, value in request.query_params.items()}
    table = query.get("table", "ATTLOG").lower()
    if table in FOREIGN:
        return _say(f"ERROR: {_NO_TAPS}", 404)
    body = await request.body()
    stamp = query.get("stamp") or query.get("opstamp") or ""
    if table != "attlog":
        return await _other(service, terminal, table, body, stamp)
    now = service.clock.now()
    # A whole memory at once takes a second to read: nobody else's check-in waits for it.
    lines = await asyncio.to_thread(domain.pushed, terminal.serial, now, body)
    async with service.db.transaction() as tx:
        clock = await taps.compare(tx, terminal, [line.local for line in lines if line.local is not None], now)
    await _take(service, door_of(terminal, clock), lines)
    if domain.is_stamp(stamp):
        async with service.db.transaction() as tx:
            await terminals.stamped(tx, terminal, attendance=stamp)
    return _say(f"OK: {len(lines)}")


async def _other(service: Service, terminal: Known, table: str, body: bytes, stamp: str) -> PlainTextResponse:
    if table == "operlog":
        now = service.clock.now()
        async with service.db.transaction() as tx:
            await taps.compare(tx, terminal, domain.operated(body), now)
            if domain.is_stamp(stamp):
                await terminals.stamped(tx, terminal, operations=stamp)
    lines = sum(bool(line.strip()) for line in body.split(b"\n"))
    service.metrics.terminal_lines.labels("not_kept").inc(lines)
    return _say(f"OK: {lines}")


async def _take(service: Service, door: taps.Door, lines: Sequence[Line]) -> None:
    """All lines, in transactions of a few hundred. One that cannot be stored waits aside, and stops no other."""
    tally = Tally()

    async def some(part: Sequence[Line]) -> None:
        async with service.db.transaction() as tx:
            done = await taps.take(tx, door, part)
        tally.add(done)

    for first in range(0, len(lines), AT_ONCE):
        for line, error in await failures.culprits(lines[first : first + AT_ONCE], some):
            log.error("a line of a terminal failed", exc_info=error)
            reason: Reason = "failed"
            async with service.db.transaction() as tx:
                await taps.put_aside(tx, door, line, reason)
            tally.aside.append((line, reason))
    count(service, tally)


def count(service: Service, tally: Tally) -> None:
    """In the metrics, what became of lines."""
    for became, lines in tally.became.items():
        service.metrics.terminal_lines.labels(became).inc(lines)
    for _, reason in tally.aside:
        service.metrics.terminal_lines.labels(reason).inc()


async def ask(request: Request) -> PlainTextResponse:
    """`GET /iclock/getrequest` and `/iclock/ping`: anything to do? Never: nothing is commanded."""
    terminal = await _admitted(service_of(request), _call(request))
    return _say("OK") if isinstance(terminal, Known) else terminal


async def commanded(request: Request) -> PlainTextResponse:
    """`POST /iclock/devicecmd`: what came of a command, perhaps of another server's before us. Not kept."""
    return await ask(request)


async def foreign(request: Request) -> PlainTextResponse:  # noqa: ARG001 - whoever asks
    """What only the later generation of access controllers asks for: it must not believe that it is understood."""
    return _say(f"ERROR: {_NO_TAPS}", 404)


def _door(path: str, method: str, answer: Door) -> None:
    """A plain route: FastAPI's would refuse the query parameters that firmware invents.

    Metrics name a request by its route, which plain ones do not leave behind.
    """

    async def named(request: Request) -> Response:
        request.scope["route"] = route
        return await answer(request)

    route = Route(PREFIX + path, named, methods=[method], include_in_schema=False)
    router.routes.append(route)


_door("/cdata", "GET", introduce)
_door("/cdata", "POST", push)
_door("/getrequest", "GET", ask)
_door("/ping", "GET", ask)
_door("/devicecmd", "POST", commanded)
_door("/{rest:path}", "GET", foreign)
_door("/{rest:path}", "POST", foreign)
