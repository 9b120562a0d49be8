"""Who is told next when nobody sees to it."""

import asyncio

from services.notifications.commands import escalation
from shared.service import Service

EVERY_S = 1.0
"""Business time may jump at any moment; looking is one row of an index."""


async def look(service: Service) -> int:
    """Take the steps that are due; how many were."""
    async with service.db.transaction() as tx:
        looked, told = await escalation.step(tx, service.clock.now())
    for kind, count in told.items():
        service.metrics.notifications.labels(kind).inc(count)
    return looked


async def carry_on(service: Service) -> None:
    """Background task: runs until cancelled."""
    while True:
        while await look(service):
            pass
        service.health["escalation"].worked()
        await asyncio.sleep(EVERY_S)
