"""`hadir rebuild`: the fact tables again, from the log alone.

The tables are emptied and the whole log is joined into them, beside the live consumer. That is safe by the law
of the projections: whatever the live consumer writes meanwhile is joined with the same facts in any order. The
end of the log is looked up after the tables are empty, so whatever was in them is read again. Which events are
disowned is read first: those are then passed over. That list is not emptied, only joined with the log, so that the
live consumer never forgets it.

While it runs (and after it was broken off, until it is run again) a marker keeps the transitions ticker still:
from half the facts it would announce what never happened. What was announced before stays where it is, so that
nobody gets mail about last year. Views show what has been read so far.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from services.reporting.commands import upkeep
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
"""Called with (records read, records in the log)."""

_ROOM_EVERY = 100_000
"""So many records are folded before months that turned out to be many get tables of their own."""


class RebuildRunning(Exception):
    """Another process is rebuilding these tables. Wait for it to end."""


async def rebuild(settings: Settings, progress: Progress) -> None:
    """Empty the fact tables and read the log from its beginning; `progress(done, total)` in records.

    Memory stays flat: a few batches are being written while the next is read. Raises RebuildRunning.
    """
    db = Database(settings.database_url, pool_size=AT_ONCE + 1, application_name="hadir.rebuild")
    try:
        async with db.alone("hadir.rebuild") as alone:
            if not alone:
                raise RebuildRunning("another `hadir rebuild` of this database is running; wait for it to end")
            await _rebuild(db, settings, progress)
    finally:
        await db.close()


async def _rebuild(db: Database, settings: Settings, progress: Progress) -> None:
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


class _Said:
    """How far the rebuild is, for those who wait for it."""

    def __init__(self, progress: Progress, begins: Offsets, ends: Offsets) -> None:
        self.ends = ends
        self._progress = progress
        self._total = sum(ends[partition] - begins[partition] for partition in ends)
        self._done = 0
        self.read(0)

    def read(self, records: int) -> None:
        self._done += records
        self._progress(min(self._done, self._total), self._total)

    def all(self) -> None:
        self._progress(self._total, self._total)


async def _batches(
    log: Log, topics: Sequence[str], said: _Said, settings: Settings
) -> AsyncGenerator[list[Received]]:
    """Every readable record that these topics hold now, in batches of one topic."""
    async with contextlib.aclosing(log.upto(said.ends, topics)) as found:
        async for records in found:
            if batch := readable(records, settings):
                yield batch
            said.read(len(records))
