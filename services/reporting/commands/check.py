"""`hadir check`: whether what was computed beforehand follows from the facts; `--mend` computes the rest anew."""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from services.reporting.commands.steps import Drain
from services.reporting.store import checks, counter_days
from services.reporting.store import steps as store
from services.reporting.store.steps import Counter
from shared.database import Database

Progress = Callable[[int, int], None]
"""Called with (dates checked, dates there are)."""


class StillWaiting(Exception):
    """Something touched is not computed yet: a digest of it would say nothing."""


class NotOfTheFacts(Exception):
    """The steps are others than the facts make them."""


@dataclass
class Disagreements:
    """What does not follow from the facts."""

    days: list[tuple[dt.date, UUID]] = field(default_factory=list[tuple[dt.date, UUID]])
    counters: list[Counter] = field(default_factory=list[Counter])

    def __bool__(self) -> bool:
        return bool(self.days or self.counters)


async def check(db: Database, progress: Progress) -> Disagreements:
    """Compare every date, from the newest on, each in a snapshot of its own. What waits to be computed is passed
    over: nobody is shown it."""
    async with db.read() as tx:
        dates = await store.every_date(tx)
    found = Disagreements()
    for done, date in enumerate(dates):
        progress(done, len(dates))
        async with db.read() as tx:
            found.days += [(date, person) for person in await checks.differing(tx, date)]
            units = await counter_days.differing(tx, date)
            if units:
                unsettled = await checks.counters_waiting(tx, date)
                found.counters += [Counter(date, unit) for unit in units if unit not in unsettled]
    progress(len(dates), len(dates))
    return found


async def mend(db: Database, found: Disagreements, now: dt.datetime) -> int:
    """Compute anew what does not follow from the facts; returns how many rows were computed."""
    async with db.transaction() as tx:
        await store.touch(tx, sorted(found.days))
        await store.touch_counters(tx, sorted(found.counters))
    return await Drain(db).all(now)


async def digest(db: Database, progress: Progress) -> str:
    """SHA-256 over the steps of every date. Raises StillWaiting, NotOfTheFacts."""
    async with db.read() as tx:
        if (await store.waiting(tx, 1)).days:
            raise StillWaiting(
                "some person-days are still to be computed: let reporting run a moment, then try again"
            )
        dates = await store.every_date(tx)
    hashed = hashlib.sha256()
    for done, date in enumerate(dates):
        progress(done, len(dates))
        async with db.read() as tx:
            stored, fresh = await checks.digests(tx, date)
        if stored != fresh:
            raise NotOfTheFacts(f"the steps of {date} do not follow from the facts: run `hadir check --mend`")
        hashed.update(f"{date} {stored}\n".encode())
    progress(len(dates), len(dates))
    return hashed.hexdigest()
