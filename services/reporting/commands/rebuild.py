"""`hadir rebuild`: the fact tables again, from the log alone.

The tables are emptied and the whole log is joined into them, beside the live consumer. That is safe by the law
of the projections: whatever the live consumer writes meanwhile is joined with the same facts in any order. The
end of the log is looked up after the tables are empty, so whatever was in them is read again. Which events are
disowned is read first: those are then passed over. That list is not emptied, only joined with the log, so that the
live consumer never forgets it.

While the facts are read (and after that was broken off, until it is run again) a marker keeps the transitions
ticker still: from half the facts it would announce what never happened. What was announced before stays where it
is, so that nobody gets mail about last year. Views show what has been read so far.

Then the steps of every date are computed, beside the services that do the same. Whoever breaks that off goes on
with it the next time.
"""

import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

from services.reporting.commands import steps, upkeep
from services.reporting.commands.facts import apply, rejoin, still_kept
from services.reporting.facts import PROJECTION
from services.reporting.store import rebuild as store
from shared import repairs
from shared.bus import AT_ONCE, HandlerContext, client_arguments
from shared.clock import clock_for
from shared.database import Database
from shared.dates import local_date
from shared.events import Received
from shared.log import Log, Offsets, each, readable, reading
from shared.settings import Settings
from shared.telemetry import Metrics

Progress = Callable[[int, int], None]
"""Called with (done, of all): records of the log, or dates."""

_ROOM_EVERY = 100_000
"""So many records are folded before months that turned out to be many get tables of their own."""


class RebuildRunning(Exception):
    """Another process is rebuilding these tables. Wait for it to end."""


class Rebuilt(NamedTuple):
    """What a rebuild did: records of the log read (None: an earlier one had read it), person-days and counters
    computed, and the wall seconds of both."""

    records: int | None
    facts_s: float
    computed: int
    steps_s: float

    def told(self) -> str:
        if self.records is None:
            return f"the facts were complete; steps of {self.computed:,} in {self.steps_s:.1f} s"
        with_steps_s = self.facts_s + self.steps_s
        return (
            f"facts: {self.records:,} events in {self.facts_s:.1f} s ({self.records / self.facts_s:,.0f}/s); "
            f"with steps: {with_steps_s:.1f} s ({self.records / with_steps_s:,.0f}/s)"
        )


async def rebuild(settings: Settings, facts: Progress, dates: Progress) -> Rebuilt:
    """Empty the fact tables, read the log from its beginning, and compute the steps of every date.

    `facts(done, total)` in records, `dates(done, total)` in dates. If an earlier one has read everything, and was
    broken off before all its dates were computed, only that is done. Memory stays flat: a few batches are being
    written while the next is read. Raises RebuildRunning; NotComputed for single person-days at the very end.
    """
    db = Database(settings.database_url, pool_size=AT_ONCE + 1, application_name="hadir.rebuild")
    clock = clock_for(settings.state_dir, settings.clock)
    try:
        async with db.alone("hadir.rebuild") as alone:
            if not alone:
                raise RebuildRunning("another `hadir rebuild` of this database is running; wait for it to end")
            async with db.read() as tx:
                goes_on = await store.lacks_steps(tx)
            started = time.perf_counter()
            records = None if goes_on else await _rebuild(db, settings, facts)
            has_facts = time.perf_counter()
            computed = await steps.everything(db, clock.now(), dates)
            return Rebuilt(records, has_facts - started, computed, time.perf_counter() - has_facts)
    finally:
        await db.close()


async def _rebuild(db: Database, settings: Settings, progress: Progress) -> int:
    async with db.transaction() as tx:
        await store.empty(tx, [table.name for table in PROJECTION.tables])
    context = HandlerContext(settings, db, clock_for(settings.state_dir, settings.clock), Metrics("reporting"))
    written = 0

    async def write(batch: list[Received]) -> None:
        nonlocal written
        if written // _ROOM_EVERY != (written + len(batch)) // _ROOM_EVERY:
            await upkeep.make_room(db, local_date(context.clock.now()))
        written += len(batch)
        async with db.transaction() as tx:

            async def join(part: Sequence[Received]) -> None:
                await apply(tx, part)

            await repairs.join_what_can_be(tx, still_kept(batch, context), join)

    async with reading(client_arguments(settings), PROJECTION.topics) as log:
        said = _Said(progress, await log.begins(), await log.ends())
        disowned, *others = PROJECTION.topics
        # Which events are disowned has to be known to the last one before the others are joined.
        for topics in ([disowned], others):
            async with contextlib.aclosing(_batches(log, topics, said, settings)) as batches:
                await each(batches, write, at_once=AT_ONCE)
        said.all()
    # What was disowned while the rebuild ran, so that the facts are right when it ends.
    await repairs.settle(PROJECTION, rejoin, context)
    async with db.transaction() as tx:
        await store.rebuilt(tx, [table.name for table in PROJECTION.tables])
    return said.total


class _Said:
    """How far the rebuild is, for those who wait for it."""

    def __init__(self, progress: Progress, begins: Offsets, ends: Offsets) -> None:
        self.ends = ends
        self._progress = progress
        self.total = sum(ends[partition] - begins[partition] for partition in ends)
        self._done = 0
        self.read(0)

    def read(self, records: int) -> None:
        self._done += records
        self._progress(min(self._done, self.total), self.total)

    def all(self) -> None:
        self._progress(self.total, self.total)


async def _batches(
    log: Log, topics: Sequence[str], said: _Said, settings: Settings
) -> AsyncGenerator[list[Received]]:
    """Every readable record that these topics hold now, in batches of one topic."""
    async with contextlib.aclosing(log.upto(said.ends, topics)) as found:
        async for records in found:
            if batch := readable(records, settings):
                yield batch
            said.read(len(records))
