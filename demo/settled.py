"""Waiting until what was written has been read by every consumer, and reporting has computed what follows."""

from __future__ import annotations

import asyncio
import re
import time

from demo import topics
from demo.client import Client, Who
from demo.place import CannotStart
from demo.summary import say

LOOK_S = 20.0
PATIENCE = 6
"""So many looks in a row at which nothing has moved, and it is given up."""
SAMPLED_S = 6.0
"""The service says how much waits every five seconds: what it said before that may be old."""
_WAITING = re.compile(r'^hadir_steps_waiting_rows\{[^}]*table="(\w+)"[^}]*\} (\S+)$', re.MULTILINE)


async def when_read(bootstrap: str) -> None:
    """Returns when every consumer has read all there is. Raises CannotStart where it does not come nearer."""
    least, idle = -1, 0
    while unread := await topics.all_read(bootstrap, within_s=LOOK_S):
        say(f"{unread:,} records are still to be read")
        idle = idle + 1 if 0 <= least <= unread else 0
        least = unread if least < 0 else min(least, unread)
        if idle >= PATIENCE:
            raise CannotStart(f"{unread:,} records stay unread: see the consumer lag, then run the command again")


async def when_computed(client: Client, officer: Who) -> None:
    """Returns when no person-day and no counter waits to be computed. Raises CannotStart as above."""
    began, said, before, idle = time.monotonic(), 0.0, (-1.0, -1.0), 0
    while True:
        text = (await client.call(officer, "GET", "/reporting/metrics")).body
        rows = {table: float(waiting) for table, waiting in _WAITING.findall(text)}
        waiting = rows.get("person_day", 0.0), rows.get("counter_day", 0.0)
        if not any(waiting) and time.monotonic() - began > SAMPLED_S:
            return
        if time.monotonic() - said > LOOK_S:
            if said and any(waiting):
                say(f"{waiting[0]:,.0f} person-days, {waiting[1]:,.0f} counters wait (at most 10,000 counted)")
            idle = idle + 1 if waiting == before and max(waiting) < 10_000 else 0
            said, before = time.monotonic(), waiting
            if idle >= PATIENCE:
                raise CannotStart(f"{waiting} rows stay uncomputed: see `hadir check`, then run the command again")
        await asyncio.sleep(0.5)
