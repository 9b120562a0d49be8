"""Server-sent events: the views as they change, computed once a process however many look on.

A change of facts wakes the refresher at once; while a refresh runs, further changes gather and make one more.
A subscriber is never queued for: it is sent the newest frame of each view when it is ready to take one.
Source of the wire format: the HTML standard, section 9.2, Server-sent events.
"""

import asyncio
import contextlib
import datetime as dt
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from services.reporting.domain import disclosure
from services.reporting.store import facts
from services.reporting.views.today import Board, Today
from shared import failures
from shared.access import READ_CITY, SMALL_CELLS_MERGED, Principal, may, only_opd
from shared.auth import Caller, holder_of
from shared.clock import Clock
from shared.database import Database
from shared.dates import local_date

log = logging.getLogger(__name__)

router = APIRouter(prefix="/reporting/v1", tags=["views"])

View = Literal["city", "opds", "units"]
SignedIn = Callable[[], Awaitable[bool]]
"""Whether who opened a stream still may follow it."""

HEARTBEAT_S = 15.0
RETRY_MS = 2000
TICK_S = 1.0
"""Wall seconds after which the views are looked at again though no fact changed: time alone changes them."""
SETTLE_S = 30.0
"""Wall seconds between two frames of a view in which only durations grew."""
TICK_SHARE = 0.1
"""Looking at the views because time passes takes at most this share of the time."""
PAUSE_SHARE = 0.25
"""Pause after a refresh, as a share of the time it took: a busy board leaves others some of the database."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What decides how much of a view somebody sees: their one OPD, and whether figures of few are withheld."""

    opd: str | None
    merged: bool


@dataclass(slots=True)
class Frame:
    """The newest state of one view, encoded when first asked for. `shape` is what makes it news."""

    version: int
    content: Any
    shape: Any
    at: float
    _encoded: dict["Reader", bytes] = field(default_factory=dict["Reader", bytes])

    def encoded(self, view: View, reader: "Reader") -> bytes:
        """The event as it goes over the wire, as far as the reader may see it."""
        wire = self._encoded.get(reader)
        if wire is None:
            content: Any = self.content
            opd = reader.opd
            if reader.merged and view == "city":
                content = disclosure.city_for_all(content)
            elif reader.merged and view == "opds":
                content = disclosure.opds_for_all(content)
            if view == "opds":
                items = [item for item in content if opd is None or item["opd_code"] == opd]
                content = {"items": items, "next": None}
            elif view == "units":
                content = {"items": content, "next": None}
            data = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
            wire = f"event: {view}\nid: {self.version}\ndata: {data}\n\n".encode()
            self._encoded[reader] = wire
        return wire


def _shape(view: View, content: Any) -> Any:
    """What a frame of `view` says beside the moment and the durations, which change with every tick."""
    if view == "city":
        return (content["date"], content["employees"], content["modes"], content["duties"], _counts(content))
    if view == "opds":
        return [(item["opd_code"], _shape("city", item)) for item in content]
    return [
        (unit["unit_id"], unit["status"], unit["required"], unit["present_low"], unit["present_high"])
        for unit in content
    ]


def _counts(content: Any) -> tuple[int, ...]:
    coverage = content["coverage"]
    return coverage["met"], coverage["short"], coverage["unknown"], coverage["closed"]


class Live:
    """The newest views of today, kept fresh while anyone looks on. `stopping` ends every stream."""

    def __init__(self, db: Database, clock: Clock, stopping: asyncio.Event) -> None:
        self._db = db
        self._clock = clock
        self._stopping = stopping
        self._frames: dict[View, Frame] = {}
        self._version = 0
        self._subscribers: set[asyncio.Event] = set()
        self._dirty = asyncio.Event()
        self._today = Today(db)

    async def run(self) -> None:
        """Until cancelled: listen for changed facts, and refresh."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._refresh())
            tasks.create_task(self._say_goodbye())

    async def follow(
        self, views: Sequence[View], reader: Reader, expires: float, signed_in: SignedIn
    ) -> AsyncGenerator[bytes, None]:
        """The wire of one subscriber, until the service stops, the token expires (Unix s), or they sign out."""
        sent: dict[View, int] = {}
        news = asyncio.Event()
        self._subscribers.add(news)
        self._dirty.set()
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            looked = time.monotonic()
            while not self._stopping.is_set() and time.time() < expires:
                if time.monotonic() - looked >= HEARTBEAT_S:
                    looked = time.monotonic()
                    if not await signed_in():
                        return
                news.clear()
                for view in views:
                    frame = self._frames.get(view)
                    if frame is not None and frame.version != sent.get(view):
                        sent[view] = frame.version
                        yield frame.encoded(view, reader)
                try:
                    async with asyncio.timeout(min(HEARTBEAT_S, max(0.0, expires - time.time()))):
                        await news.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._subscribers.discard(news)
            if not self._subscribers:
                self._frames.clear()  # whoever comes next must not be shown the past

    async def _refresh(self) -> None:
        tick_s = TICK_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(tick_s if self._subscribers else None):
                    await self._dirty.wait()
            self._dirty.clear()
            if not self._subscribers:
                continue
            started = time.perf_counter()
            try:
                found = await self._today.look(self._clock.now())
            except Exception as error:
                if not failures.is_away(error):
                    raise
                log.warning(
                    "the live board waits for the database",
                    extra={"sparing": "live", "fields": {"failure": f"{type(error).__name__}: {error}"}},
                )
                self._dirty.set()
                await asyncio.sleep(1)
                continue
            self._publish(found)
            took_s = time.perf_counter() - started
            tick_s = max(TICK_S, took_s / TICK_SHARE)
            await asyncio.sleep(took_s * PAUSE_SHARE)

    def _publish(self, found: Board) -> None:
        views: tuple[tuple[View, Any], ...] = (("city", found.city), ("opds", found.opds), ("units", found.units))
        for view, content in views:
            old, shape, now = self._frames.get(view), _shape(view, content), time.monotonic()
            if old is not None and old.shape == shape and now - old.at < SETTLE_S:
                continue
            self._version += 1
            self._frames[view] = Frame(self._version, content, shape, now)
        self._announce()

    def _announce(self) -> None:
        for news in self._subscribers:
            news.set()

    async def _say_goodbye(self) -> None:
        await self._stopping.wait()
        self._announce()

    async def _listen(self) -> None:
        """Wakes the refresher when facts of about today change; while the connection is away, the tick serves."""
        while True:
            try:
                connection = await self._db.dedicated()
                try:
                    gone = asyncio.Event()
                    connection.add_termination_listener(_setting(gone))
                    await connection.add_listener(facts.CHANNEL, self._heard)
                    self._today.change(())  # what was said while nobody listened
                    self._dirty.set()
                    await gone.wait()
                finally:
                    await connection.close(timeout=2)
            except Exception as error:
                if not failures.is_away(error):
                    raise
                await asyncio.sleep(1)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        dates, _, people = str(payload).partition(";")
        if dates not in ("", "*"):
            today = local_date(self._clock.now())
            # A night shift of yesterday is at the counter today.
            near = {str(today + dt.timedelta(days=days)) for days in (-1, 0, 1)}
            if near.isdisjoint(dates.split(",")):
                return
        if self._subscribers and people != "*":
            self._today.change([UUID(hex=person) for person in people.split(",") if person])
        else:
            self._today.change(())  # anyone; or nobody looks on, and there is nothing to keep count for
        self._dirty.set()


def _setting(event: asyncio.Event) -> Callable[[object], None]:
    def done(_: object) -> None:
        event.set()

    return done


def views_for(who: Principal) -> tuple[tuple[View, ...], str | None]:
    """Which views `who` may follow, and to which OPD `opds` is narrowed. As for the doors of the same names."""
    if may(who, READ_CITY):
        return ("city", "opds", "units"), None
    own_opd = only_opd(who)
    if own_opd:
        return ("opds", "units"), own_opd
    return ("units",), None


@router.get("/stream", response_class=StreamingResponse)
async def stream(request: Request, who: Caller) -> StreamingResponse:
    """Server-sent events `city`, `opds` and `units`: today's views, whole, each time they change.

    Each role gets the views whose doors are open to it.
    """
    live: Live = request.app.state.live
    views, opd = views_for(who)
    by_session = (await holder_of(request)) is not None

    async def signed_in() -> bool:
        return not by_session or (await holder_of(request)) is not None

    return StreamingResponse(
        live.follow(views, Reader(opd, may(who, SMALL_CELLS_MERGED)), who.expires, signed_in),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
