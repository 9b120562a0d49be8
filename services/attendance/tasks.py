"""How many lines of terminals wait is told to the metrics: what somebody tapped counts only when it is a punch."""

import asyncio

from services.attendance.domain.taps import REASONS
from services.attendance.store import taps
from shared.service import Service

EVERY_S = 30


async def look(service: Service) -> None:
    """Count the lines that wait, by reason."""
    async with service.db.read() as tx:
        waiting = await taps.city(tx)
    for reason in REASONS:
        service.metrics.terminal_waiting.labels(reason).set(waiting.get(reason, 0))


async def watch(service: Service) -> None:
    """Background task: look twice a minute."""
    while True:
        await look(service)
        service.health["terminals"].worked()
        await asyncio.sleep(EVERY_S)
