"""The timers of the directory."""

import asyncio
import datetime as dt

from services.scheduling.commands import people, publish
from services.scheduling.store import directory
from shared import heartbeat, outbox
from shared.dates import local_date
from shared.service import Service

LOOK_S = 1.0
"""Wall seconds between two looks at the date: cheap, and soon enough for a clock that runs fast."""

BEAT_S = 3600.0
"""Wall seconds between two heartbeats: a small part of the day after which a segment closes."""


async def keep_in_force(service: Service) -> None:
    """The timer: when the local date changes, postings and acting periods begin and end."""
    seen: dt.date | None = None
    while True:
        today = local_date(service.clock.now())
        if today != seen:
            async with service.db.transaction() as tx:
                await directory.lock(tx)
                await people.in_force(tx, service.clock)
            seen = today
        await asyncio.sleep(LOOK_S)


async def beat(service: Service) -> None:
    """The timer: compacted topics get a record in each partition, so that an erasure there has a term."""
    while True:
        await asyncio.sleep(BEAT_S)
        now = service.clock.now()
        beats = [
            one for topic in heartbeat.compacted(service.settings.service) for one in heartbeat.of(topic, now)
        ]
        async with service.db.transaction() as tx:
            await outbox.add(tx, beats, source=publish.SOURCE)
