"""Keeps the live board fresh while anyone looks on.

A change of facts wakes the refresher at once; while a refresh runs, further changes gather and make one more.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections.abc import Callable
from uuid import UUID

from services.reporting.store import facts
from services.reporting.views.live import Live
from services.reporting.views.today import Today
from shared import failures
from shared.dates import local_date
from shared.service import Service

log = logging.getLogger(__name__)

TICK_S = 1.0
"""Wall seconds after which the board is looked at again though no fact changed: time alone changes it."""
TICK_SHARE = 0.1
"""Looking at the board because time passes takes at most this share of the time."""
PAUSE_SHARE = 0.25
"""Pause after a refresh, as a share of the time it took: a busy board leaves others some of the database."""


async def follow_facts(service: Service, live: Live) -> None:
    """Background task of the reporting service; runs until cancelled."""
    refresher = _Refresher(service, live)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(refresher.listen())
        tasks.create_task(refresher.refresh())
        tasks.create_task(_say_goodbye(service, live))


async def _say_goodbye(service: Service, live: Live) -> None:
    await service.stopping.wait()
    live.wake()


class _Refresher:
    def __init__(self, service: Service, live: Live) -> None:
        self._service = service
        self._live = live
        self._today = Today(service.db)

    async def refresh(self) -> None:
        tick_s = TICK_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(tick_s if self._live.followed else None):
                    await self._live.wanted.wait()
            self._live.wanted.clear()
            if not self._live.followed:
                continue
            started = time.perf_counter()
            try:
                board = await self._today.look(self._service.clock.now())
            except Exception as error:
                if not failures.is_away(error):
                    raise
                log.warning(
                    "the live board waits for the database",
                    extra={"sparing": "live", "fields": {"failure": f"{type(error).__name__}: {error}"}},
                )
                self._live.wanted.set()
                await asyncio.sleep(1)
                continue
            self._live.publish(board)
            took_s = time.perf_counter() - started
            tick_s = max(TICK_S, took_s / TICK_SHARE)
            await asyncio.sleep(took_s * PAUSE_SHARE)

    async def listen(self) -> None:
        """Wakes the refresher when facts of about today change; while the connection is away, the tick serves."""
        while True:
            try:
                connection = await self._service.db.dedicated()
                try:
                    gone = asyncio.Event()
                    connection.add_termination_listener(_setting(gone))
                    await connection.add_listener(facts.CHANNEL, self._heard)
                    self._today.change(())  # what was said while nobody listened
                    self._live.wanted.set()
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
            today = local_date(self._service.clock.now())
            # A night shift of yesterday is at the counter today.
            near = {str(today + dt.timedelta(days=days)) for days in (-1, 0, 1)}
            if near.isdisjoint(dates.split(",")):
                return
        if self._live.followed and people != "*":
            self._today.change([UUID(hex=person) for person in people.split(",") if person])
        else:
            self._today.change(())  # anyone; or nobody looks on, and there is nothing to keep count for
        self._live.wanted.set()


def _setting(event: asyncio.Event) -> Callable[[object], None]:
    def done(_: object) -> None:
        event.set()

    return done
