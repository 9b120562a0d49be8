"""Looks at new punches for what speaks against their place: after the fact, and slower than people check in."""

import asyncio
import time

from services.attendance.commands import flags
from services.attendance.domain.flags import KINDS
from shared.service import Service

EVERY_S = 30.0
AT_ONCE = 50
"""Punches that share a transaction: some ten milliseconds in which nobody else's check-in is answered."""

IDLE_SHARE = 9
"""So many times as long as the work takes it rests after: at 07:30 nine tenths of a core are the door's."""


async def look(service: Service) -> int:
    """Look at the punches that nobody has looked at, one transaction of them; how many."""
    limits = flags.thresholds(service.settings)
    async with service.db.transaction() as tx:
        judged = await flags.judge(tx, service.clock.now(), limits, most=AT_ONCE)
    service.metrics.punches_judged.inc(judged.punches)
    for kind in judged.raised:
        service.metrics.flags_raised.labels(kind).inc()
    return judged.punches


async def watch(service: Service) -> None:
    """Background task of attendance; runs until cancelled. Two processes share the work, one at a time."""
    for kind in KINDS:  # `increase` does not see a series begin
        service.metrics.flags_raised.labels(kind)
    while True:
        await asyncio.sleep(EVERY_S)
        judged = AT_ONCE
        while judged == AT_ONCE:
            began = time.monotonic()
            judged = await look(service)
            service.health["flags"].worked()
            await asyncio.sleep((time.monotonic() - began) * IDLE_SHARE)
        service.health["flags"].worked()
