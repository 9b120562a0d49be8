"""What is no longer needed goes: facts of days long gone, messages nobody looks at."""

import asyncio
import datetime as dt

from services.notifications.store import deletion
from shared.dates import local_date
from shared.service import Service

EVERY_S = 3600
KEEP_FACTS = dt.timedelta(days=60)
"""Verdicts are published for 35 days after a work date; nothing fresh concerns an older one."""
KEEP_MESSAGES = dt.timedelta(days=400)
"""A year, and a month to look back over it."""


async def prune(service: Service) -> None:
    """Delete what has outlived its use."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        await deletion.prune(tx, facts_before=local_date(now) - KEEP_FACTS, messages_before=now - KEEP_MESSAGES)


async def keep_small(service: Service) -> None:
    """Background task: prune once an hour."""
    while True:
        await prune(service)
        await asyncio.sleep(EVERY_S)
