"""What is no longer needed goes: facts of days long gone, messages nobody looks at."""

import asyncio
import datetime as dt

from services.notifications.store import deletion
from shared.dates import local_date
from shared.service import Service

EVERY_S = 3600
KEEP_FACTS = dt.timedelta(days=60)
"""Verdicts are published for 35 days after a work date; nothing fresh concerns an older one."""


async def prune(service: Service) -> None:
    """Delete what has outlived its use."""
    now = service.clock.now()
    messages_before = now - dt.timedelta(days=service.settings.keep_messages_days)
    async with service.db.transaction() as tx:
        await deletion.prune(tx, facts_before=local_date(now) - KEEP_FACTS, messages_before=messages_before)


async def keep_small(service: Service) -> None:
    """Background task: prune once an hour."""
    while True:
        await prune(service)
        await asyncio.sleep(EVERY_S)
