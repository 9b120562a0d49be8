"""How many lines of terminals wait is told to the metrics: what somebody tapped counts only when it is a punch."""

import asyncio
import datetime as dt

from services.attendance.domain.taps import REASONS
from services.attendance.store import taps, terminals
from shared.service import Service

EVERY_S = 30
KEEP_STRANGERS = dt.timedelta(days=30)
"""One that has not called for so long hangs nowhere any more, or has found its city."""


async def look(service: Service) -> None:
    """Count the lines that wait, by reason; forget strangers of old."""
    async with service.db.transaction() as tx:
        waiting = await taps.city(tx)
        await terminals.forget_strangers(tx, service.clock.now() - KEEP_STRANGERS)
    for reason in REASONS:
        service.metrics.terminal_waiting.labels(reason).set(waiting.get(reason, 0))


async def watch(service: Service) -> None:
    """Background task: look twice a minute."""
    while True:
        await look(service)
        service.health["terminals"].worked()
        await asyncio.sleep(EVERY_S)
