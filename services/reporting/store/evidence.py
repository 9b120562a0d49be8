# ruff: noqa: S608 - statements are put together from constants of this file
"""The SQL of evidence: one row for each file of a person and work date, also after it was purged.

Several rows may share one file, for it stands under its content. Whoever adds or purges one of them holds the lock
of the content, so that no file goes that a new row has just counted on.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.evidence import UNFINISHED, UNREPORTED, Evidence
from shared.database import Tx

_NAMES = [field.name for field in fields(Evidence)]
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"""
    insert into evidence ({_COLUMNS}) values ({", ".join(f"${n}" for n in range(1, len(_NAMES) + 1))})
    on conflict (employee_id, work_date, sha256) where purged_at is null do nothing
"""
_OF_CONTENT = f"""
    select {_COLUMNS} from evidence
    where employee_id = $1 and work_date = $2 and sha256 = $3 and purged_at is null
"""
_COUNT = """
    select count(*) filter (where work_date = $2) as of_day, count(*) filter (where not reported) as unreported
    from evidence where employee_id = $1 and purged_at is null
"""
_OF_DAY = f"""
    select {_COLUMNS} from evidence
    where employee_id = $1 and work_date = $2 and stored and (reported or not $3) order by added_at, evidence_id
"""
# Locked, so that what a report names is not purged meanwhile.
_USABLE = """
    select evidence_id from evidence
    where employee_id = $1 and work_date = $2 and evidence_id = any($3::uuid[]) and stored and purged_at is null
    order by evidence_id for update
"""
# Whoever is erased leaves no photos behind, whatever their age.
_ERASED = "employee_id in (select employee_id from fact_employee where erased)"
_OLD = f"""
    purged_at is null
    and (added_at < $1 or not reported and added_at < $2 or not stored and added_at < $3 or {_ERASED})
"""
# Each by an index of its own: the table holds the evidence of more than a year.
_SOME_OLD = f"""
    (select {_COLUMNS} from evidence where purged_at is null and added_at < $1 limit $4)
    union (select {_COLUMNS} from evidence where purged_at is null and not reported and added_at < $2 limit $4)
    union (select {_COLUMNS} from evidence where purged_at is null and not stored and added_at < $3 limit $4)
    union (select {_COLUMNS} from evidence where purged_at is null and {_ERASED} limit $4)
"""
_PURGE = f"""
    update evidence set purged_at = $4, name = null
    where evidence_id = $5 and {_OLD} returning {_COLUMNS}
"""


def _evidence(row: asyncpg.Record) -> Evidence:
    return Evidence(**dict(row))


async def lock(tx: Tx, sha256: str) -> None:
    """Nobody else adds or purges a row of this content until the transaction ends."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", sha256)


class Counted(NamedTuple):
    """How many files a person has of one work date, and of all dates how many that no report has named."""

    of_day: int
    unreported: int


async def count(tx: Tx, employee_id: UUID, work_date: dt.date) -> Counted:
    row = await tx.connection.fetchrow(_COUNT, employee_id, work_date)
    assert row is not None  # noqa: S101 - an aggregate has one row
    return Counted(**dict(row))


async def of_content(tx: Tx, employee_id: UUID, work_date: dt.date, sha256: str) -> Evidence | None:
    """A person's row of a content, unless it was purged."""
    row = await tx.connection.fetchrow(_OF_CONTENT, employee_id, work_date, sha256)
    return _evidence(row) if row else None


async def insert(tx: Tx, evidence: Evidence) -> None:
    """Nothing happens where the person has the same file of that date."""
    await tx.connection.execute(_INSERT, *(getattr(evidence, name) for name in _NAMES))


async def stored(tx: Tx, evidence_id: UUID) -> bool:
    """Note that its file is whole; False where it was purged meanwhile."""
    status = await tx.connection.execute(
        "update evidence set stored = true where evidence_id = $1 and purged_at is null", evidence_id
    )
    return status == "UPDATE 1"


async def get(tx: Tx, evidence_id: UUID) -> Evidence | None:
    row = await tx.connection.fetchrow(f"select {_COLUMNS} from evidence where evidence_id = $1", evidence_id)
    return _evidence(row) if row else None


async def of_day(tx: Tx, employee_id: UUID, work_date: dt.date, *, only_reported: bool) -> list[Evidence]:
    """The files of a person's work date, purged ones too."""
    rows = await tx.connection.fetch(_OF_DAY, employee_id, work_date, only_reported)
    return [_evidence(row) for row in rows]


async def usable(tx: Tx, employee_id: UUID, work_date: dt.date, ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these files a report of that work date may name; locked until the transaction ends."""
    rows = await tx.connection.fetch(_USABLE, employee_id, work_date, list(ids)) if ids else []
    return frozenset(row["evidence_id"] for row in rows)


async def report(tx: Tx, ids: Collection[UUID]) -> None:
    """A report names these files."""
    if ids:
        await tx.connection.execute(
            "update evidence set reported = true where evidence_id = any($1::uuid[]) and not reported", list(ids)
        )


def _bounds(now: dt.datetime, kept: dt.timedelta) -> tuple[dt.datetime, dt.datetime, dt.datetime]:
    return now - kept, now - UNREPORTED, now - UNFINISHED


async def old(tx: Tx, now: dt.datetime, kept: dt.timedelta, limit: int) -> Sequence[Evidence]:
    """Some of the files that have been kept for long enough."""
    rows = await tx.connection.fetch(_SOME_OLD, *_bounds(now, kept), limit)
    return [_evidence(row) for row in rows]


async def purge_old(tx: Tx, evidence_id: UUID, now: dt.datetime, kept: dt.timedelta) -> bool:
    """Note that a file is purged, if it still is old: a report may have named it since. The name goes too."""
    return await tx.connection.fetchrow(_PURGE, *_bounds(now, kept), now, evidence_id) is not None


async def take_back(tx: Tx, evidence_id: UUID, now: dt.datetime) -> bool:
    """Note that its owner has taken a file back; not once a report has named it."""
    status = await tx.connection.execute(
        """
        update evidence set purged_at = $2, name = null
        where evidence_id = $1 and purged_at is null and not reported
        """,
        evidence_id,
        now,
    )
    return status == "UPDATE 1"


async def is_counted_on(tx: Tx, sha256: str) -> bool:
    """Whether any row still needs the file of this content."""
    return await tx.connection.fetchval(
        "select exists (select from evidence where sha256 = $1 and purged_at is null)", sha256
    )
