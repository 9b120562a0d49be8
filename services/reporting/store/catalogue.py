# ruff: noqa: S608 - statements are put together from constants of this file
"""The SQL of the catalogue of tasks."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields

import asyncpg

from services.reporting.domain.catalogue import Task, Version, words
from shared.database import Tx

_COLUMNS = ", ".join(field.name for field in fields(Task))
_STORED = f"select {_COLUMNS} from task where task_code = any($1::text[]) order by task_code, effective_from"
_OPDS = """
    select opd_code from fact_unit union select opd_code from fact_employee where opd_code is not null
"""
_SAVE = f"""
    insert into task ({_COLUMNS}, words) values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (task_code, effective_from) do update
    set name = excluded.name, unit = excluded.unit, norm_minutes = excluded.norm_minutes,
        opd_code = excluded.opd_code, active = excluded.active, words = excluded.words
"""
_NEWEST = """
    effective_from <= {day} and not exists (
        select from task as later
        where later.task_code = task.task_code
            and later.effective_from > task.effective_from and later.effective_from <= {day})
"""
_IN_FORCE = f"select {_COLUMNS} from task where task_code = any($2::text[]) and {_NEWEST.format(day='$1')}"
# Own tasks first: what one's own office counts is asked for most. Without words every task is found.
_SEARCH = f"""
    select {_COLUMNS} from task
    where {_NEWEST.format(day="$1")} and active and (opd_code is null or opd_code = $2)
        and ($3 = '' or array_to_tsvector(words) @@ $3::text::tsquery)
        and ($4::int is null or ((opd_code is null)::int, task_code collate "C") > ($4, $5))
    order by (opd_code is null)::int, task_code collate "C" limit $6
"""


def _task(row: asyncpg.Record) -> Task:
    return Task(**dict(row))


async def lock(tx: Tx) -> None:
    """One import at a time; whoever reads goes on."""
    await tx.connection.execute("lock table task in share row exclusive mode")


async def opds(tx: Tx) -> frozenset[str]:
    """The OPDs that the directory knows."""
    return frozenset(row["opd_code"] for row in await tx.connection.fetch(_OPDS))


async def versions(tx: Tx, codes: Collection[str]) -> dict[Version, Task]:
    """Every version of some tasks, by code and date."""
    found = [_task(row) for row in await tx.connection.fetch(_STORED, list(codes))]
    return {task.version: task for task in found}


async def save(tx: Tx, tasks: Sequence[Task]) -> None:
    """Write versions over what is stored under their keys."""
    rows = [
        (
            task.task_code,
            task.effective_from,
            task.name,
            task.unit,
            task.norm_minutes,
            task.opd_code,
            task.active,
            words(f"{task.task_code} {task.name}"),
        )
        for task in tasks
    ]
    await tx.connection.executemany(_SAVE, rows)


async def in_force(tx: Tx, day: dt.date, codes: Collection[str]) -> Mapping[str, Task]:
    """The versions of some tasks on a work date, by code; one that nobody may use any more is not active."""
    rows = await tx.connection.fetch(_IN_FORCE, day, list(codes)) if codes else []
    return {task.task_code: task for task in map(_task, rows)}


async def search(
    tx: Tx,
    day: dt.date,
    opd_code: str | None,
    looked_for: Sequence[str],
    *,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Task]:
    """The tasks of everyone and of an OPD, on a work date, with a word that begins with each of `looked_for`."""
    # Of letters and digits alone (`words`), so that quotes hold them.
    query = " & ".join(f"'{word}':*" for word in looked_for)
    common, code = after or (None, None)
    rows = await tx.connection.fetch(_SEARCH, day, opd_code, query, common, code, limit)
    return [_task(row) for row in rows]
