"""SQL of plans: merge what a roster or a change brings, and tell what would change."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

# A plan changes when what the person has to do changes. Another policy version or reason for the same mode and
# hours is no change: the plan names the version that made it, and a late policy moves as few plans as it can.
_INCOMING = """
    unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
           $8::text[], $9::text[])
    as i (employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, policy_version, reason)
    left join plan p using (employee_id, work_date)
    where p.employee_id is null
       or (p.opd_code, p.unit_id, p.mode, p.starts_at, p.ends_at)
          is distinct from (i.opd_code, i.unit_id, i.mode, i.starts_at, i.ends_at)
"""
_COLUMNS = "employee_id, opd_code, unit_id, work_date, revision, mode, starts_at, ends_at, policy_version, reason"
_MERGE = f"""
    insert into plan (employee_id, work_date, opd_code, unit_id, revision, mode, starts_at, ends_at,
        policy_version, reason, pinned, published_at, shown)
    select i.employee_id, i.work_date, i.opd_code, i.unit_id, coalesce(p.revision, 0) + 1, i.mode, i.starts_at,
        i.ends_at, i.policy_version, i.reason, $10, $11, i.mode <> 'OFF' or coalesce(p.shown, false)
    from {_INCOMING}
    on conflict (employee_id, work_date) do update set opd_code = excluded.opd_code, unit_id = excluded.unit_id,
        revision = excluded.revision, mode = excluded.mode, starts_at = excluded.starts_at,
        ends_at = excluded.ends_at, policy_version = excluded.policy_version, reason = excluded.reason,
        pinned = excluded.pinned or (plan.pinned and plan.mode = excluded.mode),
        published_at = excluded.published_at, shown = excluded.shown
    returning {_COLUMNS}
"""  # noqa: S608 - built from constants
_PIN = """
    update plan set pinned = true
    from unnest($1::uuid[], $2::date[], $3::text[]) as i (employee_id, work_date, mode)
    where plan.employee_id = i.employee_id and plan.work_date = i.work_date and plan.mode = i.mode
        and not plan.pinned
"""
_CHANGES = f"""
    select i.*, p.mode as old_mode, p.revision as old_revision, p.starts_at as old_starts_at,
        p.ends_at as old_ends_at, p.opd_code as old_opd_code, p.unit_id as old_unit_id
    from {_INCOMING} order by i.work_date, i.employee_id
"""  # noqa: S608 - built from constants
_COUNT = f"select count(*) from {_INCOMING}"  # noqa: S608
_ADD_DAYS = """
    insert into proposal_day (proposal_id, employee_id, work_date, old_mode, row)
    select $1, * from unnest($2::uuid[], $3::date[], $4::text[], $5::jsonb[])
    on conflict do nothing returning 1
"""
_DAYS = """
    select employee_id, work_date, old_mode, row from proposal_day
    where proposal_id = $1 and (work_date, employee_id) > ($2, $3) order by work_date, employee_id limit $4
"""

_MOVED_ON = """
    select exists (
        select from proposal_day d left join plan p using (employee_id, work_date)
        where d.proposal_id = $1 and (p.mode is distinct from d.old_mode
            or (d.row ? 'old_revision' and p.revision is distinct from (d.row ->> 'old_revision')::bigint)))
    or exists (
        -- a first plan has none that would tell of a transfer, a departure or an erasure since
        select from proposal_day d left join employee e using (employee_id)
        where d.proposal_id = $1 and d.old_mode is null and (e.employee_id is null
            or d.work_date >= $2 and (not e.active or e.unit_id <> d.row ->> 'unit_id')))
"""

_LISTED = "select employee_id, work_date from proposal_day where proposal_id = $1"

PlanRow = tuple[UUID, dt.date, str, str, str, dt.datetime | None, dt.datetime | None, str | None, str | None]
"""employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, policy_version, reason."""


def _columns(rows: Iterable[PlanRow]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))


async def merge(
    connection: asyncpg.Connection, rows: Iterable[PlanRow], now: dt.datetime, *, pinned: bool = False
) -> Sequence[Any]:
    """Write what differs from the stored plans, published at `now`; each change gets the next revision.

    Returns those rows.

    `pinned` settles the days, also those that stay as they are: later rosters leave them alone. A settled day
    stays so while its mode does: other hours unsettle nothing.
    """
    columns = _columns(rows)
    if not columns:
        return []
    changed = await connection.fetch(_MERGE, *columns, pinned, now)
    if pinned:
        # Those that were so already: nothing to tell anybody, and settled from now on all the same.
        await connection.execute(_PIN, columns[0], columns[1], columns[4])
    return changed


async def changes(connection: asyncpg.Connection, rows: Iterable[PlanRow]) -> Sequence[Any]:
    """The rows that `merge` would write, each with what stands as `old_...`: None for a first plan."""
    columns = _columns(rows)
    return await connection.fetch(_CHANGES, *columns) if columns else []


async def change_count(connection: asyncpg.Connection, rows: Iterable[PlanRow]) -> int:
    """How many rows `merge` would write."""
    columns = _columns(rows)
    return int(await connection.fetchval(_COUNT, *columns) or 0) if columns else 0


async def add_proposal_days(connection: asyncpg.Connection, proposal_id: UUID, rows: Sequence[Any]) -> int:
    """Keep rows of `changes` exactly as the proposal's approval will write them. Returns how many are new."""
    bodies = [json.dumps(dict(row), default=_text) for row in rows]
    columns = [[row[name] for row in rows] for name in ("employee_id", "work_date", "old_mode")]
    return len(await connection.fetch(_ADD_DAYS, proposal_id, *columns, bodies))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else str(value)


async def proposal_days(
    connection: asyncpg.Connection, proposal_id: UUID, after: tuple[dt.date, UUID], limit: int
) -> Sequence[Any]:
    """(employee_id, work_date, old_mode, row) of a proposal, by date, after `after`."""
    return await connection.fetch(_DAYS, proposal_id, *after, limit)


async def listed(connection: asyncpg.Connection, proposal_id: UUID) -> set[tuple[UUID, dt.date]]:
    """(employee_id, work_date) of every person-day of a proposal."""
    rows = await connection.fetch(
        "select employee_id, work_date from proposal_day where proposal_id = $1", proposal_id
    )
    return {(row[0], row[1]) for row in rows}


async def moved_on(connection: asyncpg.Connection, proposal_id: UUID, today: dt.date) -> bool:
    """Whether a plan that the proposal lists is no longer what it was then, or nobody's who is posted there."""
    return bool(await connection.fetchval(_MOVED_ON, proposal_id, today))


def plan_row(body: dict[str, Any]) -> PlanRow:
    """A row kept by `add_proposal_days`, as `merge` takes it."""

    def instant(name: str) -> dt.datetime | None:
        return dt.datetime.fromisoformat(body[name]) if body[name] else None

    return (
        UUID(body["employee_id"]),
        dt.date.fromisoformat(body["work_date"]),
        body["opd_code"],
        body["unit_id"],
        body["mode"],
        instant("starts_at"),
        instant("ends_at"),
        body["policy_version"],
        body["reason"],
    )
