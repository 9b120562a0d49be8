"""The timer of the directory."""

import asyncio
import datetime as dt

from services.scheduling.commands import people
from services.scheduling.store import directory
from shared.dates import local_date
from shared.service import Service

LOOK_S = 1.0
"""Wall seconds between two looks at the date: cheap, and soon enough for a clock that runs fast."""


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
