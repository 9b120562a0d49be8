"""`hadir check`: whether what was computed beforehand follows from the facts; `--mend` computes the rest anew."""

import contextlib
import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from services.reporting.commands.steps import NotComputed, Progress, everything
from services.reporting.domain.transitions import announced_from
from services.reporting.store import checks, counter_days, transitions
from services.reporting.store import steps as store
from services.reporting.store.steps import Counter
from services.reporting.store.waiting import waiting
from shared import failures
from shared.database import Database, Tx
from shared.dates import local_date
from shared.failures import Fault

Item = TypeVar("Item")


class StillWaiting(Exception):
    """Something touched is not computed yet: a digest of it would say nothing."""


class NotOfTheFacts(Exception):
    """The steps are others than the facts make them."""


PersonDay = tuple[dt.date, UUID]


@dataclass
class Disagreements:
    """What does not follow from the facts, what nobody would be told in time, and what cannot be judged."""

    days: list[PersonDay] = field(default_factory=list[PersonDay])
    counters: list[Counter] = field(default_factory=list[Counter])
    announced: list[PersonDay] = field(default_factory=list[PersonDay])
    """Of these something else was announced than is so, and nothing makes the ticker look again in time."""
    bad_days: dict[PersonDay, Exception] = field(default_factory=dict[PersonDay, Exception])
    bad_counters: dict[Counter, Exception] = field(default_factory=dict[Counter, Exception])
    waiting: int = 0
    """So many person-days, counters and whole dates were still to be computed and not compared."""

    def __bool__(self) -> bool:
        return self.number > 0

    @property
    def number(self) -> int:
        return sum(map(len, (self.days, self.counters, self.announced, self.bad_days, self.bad_counters)))

    def told(self) -> list[str]:
        """A line for each."""
        return [
            *(f"person-day {who} {date} does not follow from the facts" for date, who in self.days),
            *(f"counter {unit} {day} does not follow from the facts" for day, unit in self.counters),
            *(f"person-day {who} {date} was announced otherwise than it is" for date, who in self.announced),
            *(f"person-day {who} {date} cannot be judged: {why!r}" for (date, who), why in self.bad_days.items()),
            *(
                f"counter {unit} {day} cannot be counted: {why!r}"
                for (day, unit), why in self.bad_counters.items()
            ),
        ]

    def summary(self) -> str:
        bad = len(self.bad_days) + len(self.bad_counters)
        return (
            f"{len(self.days)} person-days and {len(self.counters)} counters' dates differ, {len(self.announced)} "
            f"announcements are not what is so, {bad} cannot be judged; {self.waiting} were still to be computed"
        )


async def check(db: Database, now: dt.datetime, progress: Progress) -> Disagreements:
    """Compare every date, from the newest on, each in a snapshot of its own. What waits to be computed is passed
    over: nobody is shown it."""
    async with db.read() as tx:
        dates = await store.every_date(tx)
        queue = await waiting(tx)
        found = Disagreements(waiting=queue.days + queue.counters)
    for done, date in enumerate(dates):
        progress(done, len(dates))
        await _check_date(db, date, now, found)
    progress(len(dates), len(dates))
    return found


async def _check_date(db: Database, date: dt.date, now: dt.datetime, found: Disagreements) -> None:
    async def people(some: Sequence[UUID] | None) -> None:
        async with db.read() as tx:
            found.days += [(date, person) for person in await checks.differing(tx, date, some)]

    async def units(some: Sequence[str] | None) -> None:
        async with db.read() as tx:
            differing = await counter_days.differing(tx, date, some)
            unsettled = await checks.counters_waiting(tx, date) if differing else ()
            found.counters += [Counter(date, unit) for unit in differing if unit not in unsettled]

    blamed = await _all_or_each(db, people, lambda tx: checks.everyone(tx, date))
    found.bad_days.update(((date, who), why) for who, why in blamed)
    uncountable = await _all_or_each(db, units, lambda tx: counter_days.kept(tx, date))
    found.bad_counters.update((Counter(date, unit), why) for unit, why in uncountable)
    if date >= announced_from(local_date(now)):
        async with db.read() as tx:
            found.announced += [(date, person) for person in await transitions.overlooked(tx, date, now)]


async def _all_or_each(
    db: Database,
    look: Callable[[Sequence[Item] | None], Awaitable[None]],
    every: Callable[[Tx], Awaitable[Sequence[Item]]],
) -> list[tuple[Item, Exception]]:
    """Look at all (None) at once, and where that fails at parts of `every`; who cannot be judged, and why."""
    try:
        await look(None)
    except Exception as error:
        if failures.fault_of(error) is not Fault.DATA:
            raise
        async with db.read() as tx:
            items = await every(tx)
        return await failures.culprits(items, look)
    return []


async def mend(db: Database, found: Disagreements, now: dt.datetime) -> Disagreements:
    """Compute anew what does not follow from the facts, and have the ticker look again at what it would overlook;
    returns what of it is still not right. Raises Unfinished."""
    async with db.transaction() as tx:
        await store.touch(tx, sorted(found.days))
        await store.touch_counters(tx, sorted(found.counters))
        await transitions.look_again(tx, sorted(found.announced))
    with contextlib.suppress(NotComputed):  # what cannot be is looked at again
        await everything(db, now, lambda _done, _total: None)
    left = Disagreements()
    for date in sorted(_dates(found)):
        await _check_date(db, date, now, left)
    # What has come to differ since is another matter.
    left.days = [day for day in left.days if day in found.days]
    left.counters = [counter for counter in left.counters if counter in found.counters]
    left.announced = [day for day in left.announced if day in found.announced]
    return left


def _dates(found: Disagreements) -> set[dt.date]:
    days = [*found.days, *found.announced, *found.bad_days, *found.counters, *found.bad_counters]
    return {date for date, _ in days}


async def digest(db: Database, progress: Progress) -> str:
    """SHA-256 over the steps of every date. Raises StillWaiting, NotOfTheFacts."""
    async with db.read() as tx:
        if (await waiting(tx, 1)).days:
            raise StillWaiting(
                "some person-days are still to be computed: let reporting run a moment, then try again"
            )
        dates = await store.every_date(tx)
    hashed = hashlib.sha256()
    for done, date in enumerate(dates):
        progress(done, len(dates))
        try:
            async with db.read() as tx:
                stored, fresh = await checks.digests(tx, date)
        except Exception as error:
            if failures.fault_of(error) is not Fault.DATA:
                raise
            raise NotOfTheFacts(f"{date} cannot be judged: `hadir check` names whose facts it is") from error
        if stored != fresh:
            raise NotOfTheFacts(f"the steps of {date} do not follow from the facts: run `hadir check --mend`")
        hashed.update(f"{date} {stored}\n".encode())
    progress(len(dates), len(dates))
    return hashed.hexdigest()
