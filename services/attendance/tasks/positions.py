"""Purges where people were, and with which devices, once that has been kept for long enough."""

import asyncio
import datetime as dt
import time

from services.attendance.store import devices, flags, positions
from shared.service import Service

EVERY_S = 60.0
AT_ONCE = 1000
"""Rows that share a transaction."""


async def purge(service: Service) -> None:
    """Purge all that is older than the days for which it is kept, in short transactions; then say how long
    the oldest that is left is overdue."""
    before = service.clock.now() - dt.timedelta(days=service.settings.keep_positions_days)
    purged = service.metrics.positions_purged
    gone = AT_ONCE
    while gone >= AT_ONCE:
        began = time.monotonic()
        async with service.db.transaction() as tx:
            gone = await positions.purge(tx, before, AT_ONCE)
        purged.labels("punch").inc(gone)
        # After an upgrade there are years of them: it rests as long as it works, and does not hang.
        service.health["positions"].worked()
        await asyncio.sleep(time.monotonic() - began)
    async with service.db.transaction() as tx:
        purged.labels("device").inc(await devices.purge(tx, before))
        purged.labels("flag").inc(await flags.drop_undecided(tx, before))
        oldest = await positions.oldest(tx)
    overdue_s = (before - oldest).total_seconds() if oldest is not None else 0.0
    service.metrics.positions_overdue.set(max(overdue_s, 0.0))


async def keep_few(service: Service) -> None:
    """Background task of attendance; runs until cancelled. Two processes may purge at once."""
    for what in ("punch", "device", "flag"):
        service.metrics.positions_purged.labels(what)
    while True:
        await purge(service)
        await asyncio.sleep(EVERY_S)
