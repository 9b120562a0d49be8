"""The catalogue of tasks is brought by file: all rows or none."""

import asyncio
from typing import NamedTuple

from services.reporting.domain import catalogue
from services.reporting.domain.catalogue import Change
from services.reporting.store import catalogue as store
from shared import audit, csvfile
from shared.access import Principal
from shared.clock import Clock
from shared.database import Database
from shared.dates import local_date


class Outcome(NamedTuple):
    """What a file did, or in a dry run would do."""

    rows: int
    changes: list[Change]


async def take(db: Database, clock: Clock, who: Principal, body: bytes, *, dry_run: bool) -> Outcome:
    """Import a CSV body. Raises csvfile.Rejected with every error by row and column; then nothing changed."""
    rows = await asyncio.to_thread(csvfile.read, body, catalogue.REQUIRED)
    now = clock.now()
    async with db.transaction() as tx:
        await store.lock(tx)
        taken = await asyncio.to_thread(catalogue.read, rows, await store.opds(tx))
        stored = await store.versions(tx, {task.task_code for _, task in taken})
        outcome = Outcome(len(rows), catalogue.changes(taken, stored, local_date(now)))
        if outcome.changes and not dry_run:
            await store.save(tx, [change.task for change in outcome.changes])
            created = sum(change.change == "created" for change in outcome.changes)
            detail = {"created": created, "changed": len(outcome.changes) - created}
            await audit.add(tx, now, who, "catalogue.imported", subject="catalogue", reason=None, detail=detail)
    return outcome
