"""Room for the months to come, and an end for facts and writings that are older than they are
to be kept.

Each partition that is made or dropped, and each batch of rows that is deleted, is a transaction. When others hold
a table for long the rest is left to the next try, which goes on where this one stood.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from services.reporting.store import months, retention
from shared.database import Database, Tx

log = logging.getLogger(__name__)

AHEAD = 3
"""Months after the present one that have partitions; rosters are made a month or two ahead."""

_LATER = "somebody reads the tables of whole years; the months are put in order later"


async def make_room(db: Database, today: dt.date) -> None:
    """Make the partitions of the present month, the next ones, and those that turned out to hold many dates."""
    async with db.read() as tx:
        missing = await months.wanted(tx, today.replace(day=1), AHEAD)
    for month in missing:
        try:
            async with db.transaction() as tx:
                moved = await months.make(tx, month)
        except asyncpg.LockNotAvailableError:
            log.info(_LATER)
            return
        log.info("a month has a table of its own", extra={"fields": {"partition": month.name, "moved": moved}})


async def let_go(db: Database, kept_from: dt.date) -> None:
    """Drop the months, and delete the facts, that lie before the date."""
    async with db.read() as tx:
        old = await retention.months_before(tx, kept_from)
    for month in old:
        try:
            async with db.transaction() as tx:
                await retention.drop_month(tx, month)
        except asyncpg.LockNotAvailableError:
            log.info(_LATER)
            break
        log.info("a month is older than facts are kept", extra={"fields": {"month": f"{month:%Y-%m}"}})
    await _until_none(db, kept_from, retention.delete_some)


async def let_go_of_writings(db: Database, kept_from: dt.date) -> None:
    """Delete reports, drafts and intentions of the dates before, and targets of the years before."""
    await _until_none(db, kept_from, retention.delete_some_writings)


async def _until_none(
    db: Database, kept_from: dt.date, delete_some: Callable[[Tx, dt.date], Awaitable[int]]
) -> None:
    gone = -1
    while gone:
        async with db.transaction() as tx:
            gone = await delete_some(tx, kept_from)
        await asyncio.sleep(0)
