"""SQL of plans: reading them, merging what a roster or a change brings, telling what would change."""

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record

from services.scheduling.domain.changes import Standing
from services.scheduling.domain.plans import OldPlan, PlanChange, Planned
from services.scheduling.domain.records import Absence
from services.scheduling.domain.stretches import Stretch
from services.scheduling.store.superiors import MEMBERS
from shared.access import SUPERIOR
from shared.database import Tx


class StoredPlan(NamedTuple):
    """A plan as it stands, the `revision`th of its person-day."""

    employee_id: UUID
    opd_code: str
    unit_id: str
    work_date: dt.date
    revision: int
    mode: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    policy_version: str | None
    reason: str | None


_COLUMNS = ", ".join(StoredPlan._fields)

_NAMED = ", ".join(f"p.{name}" for name in StoredPlan._fields)
_MINE = f"select {_COLUMNS} from plan where employee_id = $1 and work_date between $2 and $3 order by work_date"  # noqa: S608
_OF_DATE = f"""
    select {_COLUMNS} from plan where work_date = $1 and ($2::text is null or opd_code = $2)
        and employee_id > $3 order by employee_id limit $4
"""  # noqa: S608 - the columns are a constant
_TEAM = f"""
    select {_NAMED}, person.name
    from plan p join {MEMBERS} person on person.employee_id = p.employee_id
        join {MEMBERS} officer on officer.employee_id = $1
    where p.work_date between $2 and $3 and {SUPERIOR}
    order by p.work_date, person.name, p.employee_id limit 5000
"""  # noqa: S608
_UNIT = f"""
    select {_NAMED}, e.name
    from plan p left join employee e using (employee_id)
    where p.unit_id = $1 and p.work_date between $2 and $3
    order by p.work_date, e.name, p.employee_id limit 5000
"""  # noqa: S608
_WFH = """
    select p.employee_id, e.name, p.unit_id, u.name as unit_name, p.starts_at, p.ends_at, p.policy_version
    from plan p join employee e using (employee_id) join unit u on u.unit_id = p.unit_id
    where p.opd_code = $1 and p.work_date = $2 and p.mode = 'WFH'
    order by u.name, e.name, p.employee_id
"""
_EXPORT = f"""
    select {_NAMED} from plan p
    where p.work_date between $1 and $2 and ($3::text is null or p.opd_code = $3)
    order by p.work_date, p.employee_id
"""  # noqa: S608
_UNIT_OPD = "select opd_code from unit where unit_id = $1"

_PLANNED = ", ".join(f"p.{name}" for name in Planned._fields)
_IN_FULL = f"""
    select {_PLANNED} from plan p where employee_id = $1 and work_date between $2 and $3 order by work_date
"""  # noqa: S608 - the columns are a constant
_OF_UNITS = """
    select employee_id, work_date, unit_id, mode, starts_at, ends_at
    from plan where unit_id = any($1::text[]) and work_date between $2 and $3 order by work_date, employee_id
"""
_HOME_DAYS = """
    select employee_id, count(*) from plan
    where unit_id = any($1::text[]) and mode = 'WFH' and work_date between $2::date - 28 and $2::date + 28
    group by employee_id
"""
_STRETCHES = "unnest($1::text[], $2::date[], $3::date[], $4::bool[]) as s (unit_id, first, until, frees)"

_NEEDING = f"""
    select p.work_date, count(*)
    from {_STRETCHES}
    join plan p on p.work_date >= greatest(s.first, $5::date) and p.work_date < s.until
        and (s.unit_id is null or p.unit_id = s.unit_id)
        and case when s.frees then p.mode = 'OFF' else p.mode in ('WFO', 'WFH') end
    group by p.work_date order by p.work_date
"""  # noqa: S608
_NEEDING_OF = """
    select work_date, count(*) from plan
    where employee_id = any($1::uuid[]) and work_date >= $2 and mode <> 'LEAVE'
        and ($3::text is null or unit_id <> $3)
    group by work_date order by work_date
"""
_AWAY_PLANS = f"""
    select {_PLANNED}
    from unnest($1::uuid[], $2::date[], $3::date[]) as a (employee_id, first, last)
    join employee e on e.employee_id = a.employee_id and e.active
    join plan p on p.employee_id = a.employee_id and p.work_date between a.first and a.last
    where p.mode <> all($4::text[])
    order by p.work_date, p.employee_id
"""  # noqa: S608
_COMING = f"""
    select {_PLANNED} from plan p
    where employee_id = $1 and work_date >= $2 and mode <> 'OFF' order by work_date
"""  # noqa: S608
_OF_DEPARTED = f"""
    select {_PLANNED}
    from employee e join plan p on p.employee_id = e.employee_id and p.work_date >= $1 and p.mode <> 'OFF'
    where not e.active order by p.employee_id, p.work_date
"""  # noqa: S608

# A plan changes when what the person has to do changes. Another policy version or reason for the same mode and
# hours is no change: the plan names the version that made it, and a late policy moves as few plans as it can.
_INCOMING = f"""
    unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
           $8::text[], $9::text[])
    as i ({", ".join(Planned._fields)})
    left join plan p using (employee_id, work_date)
    where p.employee_id is null
       or (p.opd_code, p.unit_id, p.mode, p.starts_at, p.ends_at)
          is distinct from (i.opd_code, i.unit_id, i.mode, i.starts_at, i.ends_at)
"""
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
    select i.*, {", ".join(f"p.{name} as old_{name}" for name in OldPlan._fields)}
    from {_INCOMING} order by i.work_date, i.employee_id
"""  # noqa: S608 - built from constants
_COUNT = f"select count(*) from {_INCOMING}"  # noqa: S608


class NamedPlan(NamedTuple):
    """A plan with the name of whose it is; None of somebody who was erased."""

    plan: StoredPlan
    name: str | None


async def mine(tx: Tx, employee_id: UUID, first: dt.date, last: dt.date) -> list[StoredPlan]:
    """One person's plans, by date."""
    return [StoredPlan(*row) for row in await tx.connection.fetch(_MINE, employee_id, first, last)]


async def of_date(tx: Tx, day: dt.date, opd_code: str | None, after: UUID, limit: int) -> list[StoredPlan]:
    """Plans of a date, by employee_id, after `after`."""
    return [StoredPlan(*row) for row in await tx.connection.fetch(_OF_DATE, day, opd_code, after, limit)]


async def team(tx: Tx, superior: UUID, first: dt.date, last: dt.date) -> list[NamedPlan]:
    """Plans, with names, of those whose superior or acting superior this is, as published."""
    rows = await tx.connection.fetch(_TEAM, superior, first, last)
    return [NamedPlan(StoredPlan(*plan), name) for *plan, name in rows]


async def unit(tx: Tx, unit_id: str, first: dt.date, last: dt.date) -> list[NamedPlan]:
    """Plans of a unit, with names."""
    rows = await tx.connection.fetch(_UNIT, unit_id, first, last)
    return [NamedPlan(StoredPlan(*plan), name) for *plan, name in rows]


async def opd_of_unit(tx: Tx, unit_id: str) -> str | None:
    return await tx.connection.fetchval(_UNIT_OPD, unit_id)


async def at_home(tx: Tx, opd_code: str, day: dt.date) -> Sequence[Any]:
    """The WFH list of an OPD and date (SE 150/KPG.03/BKD asks for it beforehand)."""
    return await tx.connection.fetch(_WFH, opd_code, day)


async def export(tx: Tx, first: dt.date, last: dt.date, opd_code: str | None) -> AsyncIterator[StoredPlan]:
    """All plans of a span, one after the other; needs the transaction to stay open."""
    async for row in tx.connection.cursor(_EXPORT, first, last, opd_code, prefetch=2000):
        yield StoredPlan(*row)


async def plans_of(tx: Tx, employee_id: UUID, first: dt.date, last: dt.date) -> list[Planned]:
    """One person's plans in full, by date."""
    return [Planned(*row) for row in await tx.connection.fetch(_IN_FULL, employee_id, first, last)]


async def plan_of(tx: Tx, employee_id: UUID, day: dt.date) -> Planned | None:
    """One person's plan of a date, if there is one."""
    return next(iter(await plans_of(tx, employee_id, day, day)), None)


async def coming_plans(tx: Tx, employee_id: UUID, day: dt.date) -> list[Planned]:
    """One person's plans from `day` on that are not OFF."""
    return [Planned(*row) for row in await tx.connection.fetch(_COMING, employee_id, day)]


async def plans_of_departed(tx: Tx, day: dt.date) -> list[Planned]:
    """Plans from `day` on, other than OFF, of people who have left."""
    return [Planned(*row) for row in await tx.connection.fetch(_OF_DEPARTED, day)]


async def plans_of_units(tx: Tx, unit_ids: Sequence[str], first: dt.date, last: dt.date) -> list[Standing]:
    """All plans of some units."""
    rows = await tx.connection.fetch(_OF_UNITS, list(unit_ids), first, last)
    return [Standing(*row) for row in rows]


async def home_days(tx: Tx, unit_ids: Sequence[str], day: dt.date) -> dict[UUID, int]:
    """WFH days of each person of the units in the eight weeks around `day`."""
    rows = await tx.connection.fetch(_HOME_DAYS, list(unit_ids), day)
    return {row["employee_id"]: row["count"] for row in rows}


def _counts(rows: Iterable[Record]) -> list[tuple[dt.date, int]]:
    return [(row["work_date"], row["count"]) for row in rows]


def _stretch_columns(stretches: Sequence[Stretch]) -> list[list[Any]]:
    return [[getattr(one, name) for one in stretches] for name in ("unit_id", "first", "until", "frees")]


async def needing(tx: Tx, stretches: Sequence[Stretch], day: dt.date) -> Sequence[tuple[dt.date, int]]:
    """(date, plans) from `day` on that the stretches make out of date."""
    return _counts(await tx.connection.fetch(_NEEDING, *_stretch_columns(stretches), day))


async def needing_of(
    tx: Tx, people: Sequence[UUID], day: dt.date, *, unit_id: str | None = None
) -> Sequence[tuple[dt.date, int]]:
    """(date, plans) from `day` on of these people; with `unit_id` those that were made for another unit."""
    return _counts(await tx.connection.fetch(_NEEDING_OF, list(people), day, unit_id))


async def plans_in(tx: Tx, absences: Sequence[Absence], without: Sequence[str]) -> list[Planned]:
    """Plans of active people in absences, without these modes."""
    columns = [[getattr(one, name) for one in absences] for name in ("employee_id", "from_date", "to_date")]
    return [Planned(*row) for row in await tx.connection.fetch(_AWAY_PLANS, *columns, list(without))]


def _columns(rows: Iterable[Planned]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))


async def merge(tx: Tx, rows: Sequence[Planned], now: dt.datetime, *, pinned: bool = False) -> list[StoredPlan]:
    """Write what differs from the stored plans, published at `now`; each change gets the next revision.

    Returns those rows.

    `pinned` settles the days, also those that stay as they are: later rosters leave them alone. A settled day
    stays so while its mode does: other hours unsettle nothing.
    """
    if not rows:
        return []
    changed = await tx.connection.fetch(_MERGE, *_columns(rows), pinned, now)
    if pinned:
        # Those that were so already: nothing to tell anybody, and settled from now on all the same.
        people, dates, _, _, modes, *_ = _columns(rows)
        await tx.connection.execute(_PIN, people, dates, modes)
    return [StoredPlan(*row) for row in changed]


async def changes(tx: Tx, rows: Sequence[Planned]) -> list[PlanChange]:
    """The rows that `merge` would write, each with what stands."""
    return [_change(**row) for row in await tx.connection.fetch(_CHANGES, *_columns(rows))] if rows else []


def _change(old_mode: str | None, **columns: Any) -> PlanChange:
    new = Planned(*(columns[name] for name in Planned._fields))
    if old_mode is None:
        return PlanChange(new, None)
    old = {name: columns[f"old_{name}"] for name in OldPlan._fields if name != "mode"}
    return PlanChange(new, OldPlan(old_mode, **old))


async def change_count(tx: Tx, rows: Sequence[Planned]) -> int:
    """How many rows `merge` would write."""
    return int(await tx.connection.fetchval(_COUNT, *_columns(rows)) or 0) if rows else 0
