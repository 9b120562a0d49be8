"""Keeps the live board fresh while anyone looks on.

A change of what follows from the facts wakes the refresher at once; while a refresh runs, further changes gather
and make one more. Between changes it sleeps until somebody's next step, of which it knows.
"""

import asyncio
import contextlib
import logging
import time

from services.reporting.store import notices
from services.reporting.views.live import SPACING_S, Live
from services.reporting.views.today import Today
from shared import failures, spans, under_way
from shared.service import Service

log = logging.getLogger(__name__)

LOOKS_S = 1.0
"""Wall seconds after which the board is looked at again in any case, for the clock may be set. That asks the
database for nothing."""
BREATH_S = min(SPACING_S.values())
"""Wall seconds between two looks: changes that come sooner after each other make one frame."""


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
        self._shown: set[str] = set()
        """What the next frame shows that differs, where spans are made."""

    async def refresh(self) -> None:
        wait_s = LOOKS_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s if self._live.followed else None):
                    await self._live.wanted.wait()
            self._live.wanted.clear()
            if not self._live.followed:
                continue
            started, now = time.monotonic(), self._service.clock.now()
            try:
                board = await self._today.look(now)
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
            wait_s = min(LOOKS_S, self._live.publish(board))
            await self._traced(started)
            if (next_at := self._today.next_at()) is not None:
                wait_s = min(wait_s, (next_at - now).total_seconds())
            await asyncio.sleep(started + BREATH_S - time.monotonic())

    async def listen(self) -> None:
        """Wakes the refresher when what follows from today's facts changes; while the connection is away, what
        time changes is still shown."""
        await self._service.db.listen(notices.CHANNEL, self._heard, self._begin)

    def _begin(self) -> None:
        self._today.forget()  # what was said while nobody listened
        self._live.wanted.set()

    def _heard(self, payload: str) -> None:
        if not self._live.followed:
            self._today.forget()  # nobody looks on, and there is nothing to keep count for
            return
        changed = notices.heard(payload)
        if self._service.spans is not None:
            self._shown |= changed.subjects()
        if self._today.hear(changed, self._service.clock.now()):
            self._live.wanted.set()

    async def _traced(self, started: float) -> None:
        """A span in the trace of each record because of which this frame differs."""
        exporter, shown, self._shown = self._service.spans, self._shown, set()
        if exporter is None or not shown:
            return
        began_ns = spans.since_ns(time.monotonic() - started)
        async with self._service.db.read() as tx:
            traces = await under_way.of(tx, shown)
        for traceparent in set(traces.values()):
            exporter.child("push board", traceparent, began_ns=began_ns, kind="producer")
