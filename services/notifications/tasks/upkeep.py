"""What is no longer needed goes: facts of days long gone, messages nobody looks at."""

import asyncio
import datetime as dt

from services.notifications.store import deletion, queue
from shared.dates import local_date
from shared.service import Service

EVERY_S = 3600
KEEP_FACTS = dt.timedelta(days=60)
"""Verdicts are published for 35 days after a work date; nothing fresh concerns an older one."""
KEEP_ENDED = dt.timedelta(days=14)
"""Deliveries that have ended say for so long by which way who was reached."""
KEEP_DEAD = dt.timedelta(days=90)
"""So long a dead letter waits for somebody to replay or drop it."""


async def prune(service: Service) -> None:
    """Delete what has outlived its use."""
    now = service.clock.now()
    messages_before = now - dt.timedelta(days=service.settings.keep_messages_days)
    async with service.db.transaction() as tx:
        await queue.prune(tx, ended=KEEP_ENDED, dead=KEEP_DEAD)
        await deletion.prune(tx, facts_before=local_date(now) - KEEP_FACTS, messages_before=messages_before)


async def keep_small(service: Service) -> None:
    """Background task: prune once an hour."""
    while True:
        await prune(service)
        await asyncio.sleep(EVERY_S)
