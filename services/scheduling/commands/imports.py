"""The CSV imports: read, check, compare, then write and publish; or nothing at all."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from services.scheduling.commands import people, publish
from services.scheduling.domain import csvfile, imports
from services.scheduling.domain.csvfile import RowError
from services.scheduling.domain.imports import Found, Kind
from services.scheduling.domain.records import Record
from services.scheduling.store import directory
from shared.database import Database

Watch = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Change:
    """One record that an import makes or alters: the first row it comes from, and the fields that differ."""

    row: int
    change: str
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    rows: int
    created: int
    changed: int
    unchanged: int
    published: int
    changes: Sequence[Change]
    doubts: Sequence[RowError]


def _differences(found: Sequence[Found], stored: Mapping[object, Record]) -> tuple[list[Change], list[Record]]:
    changes: list[Change] = []
    records: list[Record] = []
    for one in found:
        before = stored.get(directory.key_of(one.record))
        if before == one.record:
            continue
        columns: list[str] = []
        if before is not None:
            names = [name.name for name in fields(one.record)]
            columns = [name for name in names if getattr(before, name) != getattr(one.record, name)]
        changes.append(Change(one.rows[0] if one.rows else 0, "changed" if before else "created", columns))
        records.append(one.record)
    return changes, records


def silent(stage: str, count: int) -> None:
    """Nobody watches."""


async def run(
    db: Database, kind: Kind, body: bytes, now: datetime, *, dry_run: bool, watch: Watch = silent
) -> Outcome:
    """Import a CSV body. Raises csvfile.Rejected with every error by row and column; then nothing changed.

    The checks run in a thread: they hold nobody else up. With `dry_run` the outcome says what would change.
    `watch` hears of each stage, with the rows, records or events it is about.
    """
    rows = await asyncio.to_thread(csvfile.read, body, *imports.COLUMNS[kind])
    watch("read", len(rows))
    async with db.transaction() as tx:
        await directory.lock(tx.connection)
        known = await directory.known(tx.connection, kind)
        stored = await directory.stored(tx.connection, kind)

        def work() -> tuple[imports.Checked, list[Change], list[Record]]:
            checked = imports.check(kind, rows, known)
            return checked, *_differences(checked.found, stored)

        checked, changes, records = await asyncio.to_thread(work)
        watch("checked", len(checked.found))
        published = 0
        if not dry_run:
            await directory.save(tx.connection, kind, records)
            watch("stored", len(records))
            if kind == "employees":
                await people.free_departed(tx, now)
            published = await publish.directory_changes(tx, now, watch=lambda count: watch("published", count))
    created = sum(1 for change in changes if change.change == "created")
    return Outcome(
        rows=len(rows),
        created=created,
        changed=len(changes) - created,
        unchanged=len(checked.found) - len(changes),
        published=published,
        changes=changes,
        doubts=checked.doubts,
    )


def as_json(kind: Kind, outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """The answer to the officer: counts, and of what changes the first thousand."""
    return {
        "kind": kind,
        "dry_run": dry_run,
        "rows": outcome.rows,
        "created": outcome.created,
        "changed": outcome.changed,
        "unchanged": outcome.unchanged,
        "changes": [
            {"row": one.row, "change": one.change, "columns": one.columns} for one in outcome.changes[:1000]
        ]
        if dry_run
        else [],
    }
