"""Tells that a counter will fall short, where a rule asks for that later than it is foreseen."""

import asyncio

from services.notifications.commands import counters
from shared.service import Service

EVERY_S = 5.0


async def look(service: Service) -> None:
    """Tell what is due."""
    async with service.db.transaction() as tx:
        told = await counters.tell_foreseen(tx, service.clock.now())
    for kind, count in told.items():
        service.metrics.notifications.labels(kind).inc(count)


async def watch(service: Service) -> None:
    """Background task: runs until cancelled."""
    while True:
        await look(service)
        service.health["counters"].worked()
        await asyncio.sleep(EVERY_S)
