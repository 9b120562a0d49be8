"""SQL of people over time: who is posted where, postings to come, acting periods, erasure."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from services.scheduling.domain.spans import Days
from shared.database import Tx

_PERSON = """
    select employee_id, opd_code, unit_id, effective_supervisor_id as supervisor_id,
        effective_acting_id as acting_supervisor_id, heads, active
    from employee where employee_id = $1
"""
_ADD_CHANGE = """
    insert into posting_change (change_id, employee_id, effective_from, kind, body, status, created_at, created_by)
    values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
"""
_DUE = """
    update posting_change set status = 'applied'
    where change_id in (select change_id from posting_change where status = 'due' and effective_from <= $1)
    returning change_id, employee_id, effective_from, kind, body, status
"""
_CHANGES_OF = """
    select change_id, employee_id, effective_from, kind, body, status from posting_change
    where employee_id = $1 order by effective_from, created_at
"""
_CANCEL_CHANGE = (
    "update posting_change set status = 'cancelled' where change_id = $1 and status = 'due' returning 1"
)

_APPLY = """
    update employee set
        opd_code = coalesce($2::jsonb ->> 'opd_code', opd_code),
        unit_id = coalesce($2::jsonb ->> 'unit_id', unit_id),
        supervisor_id = case when $2::jsonb ? 'supervisor_id' then ($2::jsonb ->> 'supervisor_id')::uuid
                             else supervisor_id end,
        timetable = coalesce($2::jsonb ->> 'timetable', timetable),
        shift_group = case when $2::jsonb ? 'timetable' then ($2::jsonb ->> 'shift_group')::smallint
                           else shift_group end,
        echelon = case when $2::jsonb ? 'echelon' then $2::jsonb ->> 'echelon' else echelon end,
        heads = case when $2::jsonb ? 'heads'
                     then array(select jsonb_array_elements_text($2::jsonb -> 'heads'))
                     -- a headship ends with a transfer to another OPD
                     when $2::jsonb ->> 'opd_code' <> opd_code
                     then array(select head from unnest(heads) as head
                                where head = $2::jsonb ->> 'opd_code' or head in (
                                    select unit_id from unit where unit.opd_code = $2::jsonb ->> 'opd_code'))
                     else heads end,
        post_since = coalesce(($2::jsonb ->> 'post_since')::date, post_since),
        discipline_until = coalesce(($2::jsonb ->> 'until')::date, discipline_until),
        active = coalesce(($2::jsonb ->> 'active')::boolean, active)
    where employee_id = $1
"""
_ADD_ACTING = """
    insert into acting (acting_id, absent_id, deputy_id, kind, from_date, to_date, letter, created_at, created_by)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_ACTING_OVERLAP = """
    select from_date, to_date from acting
    where absent_id = $1 and not cancelled and from_date <= $3 and to_date >= $2 limit 1
"""
_CANCEL_ACTING = "update acting set cancelled = true where acting_id = $1 and not cancelled returning absent_id"

_ACTING = """
    select acting_id, absent_id, deputy_id, kind, from_date, to_date, letter from acting
    where not cancelled and to_date >= $1 order by from_date, acting_id limit 1000
"""
_SUPERVISORS = "select employee_id, supervisor_id from employee where supervisor_id is not null"

_REMOTE = "update employee set remote_places = $2::jsonb where employee_id = $1"

_ERASE = "delete from employee where employee_id = $1 and not active returning 1"

_DEPART = "update employee set active = false where employee_id = $1 returning 1"

_UNLINK = (
    "update employee set supervisor_id = null where supervisor_id = $1",
    "update employee set acting_supervisor_id = null where acting_supervisor_id = $1",
)

_AGAIN = (
    "update unit set published = null",
    "update employee set published = null",
    "update calendar set published = null",
)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Someone of the directory, with the superiors whom the published entry names."""

    employee_id: UUID
    opd_code: str
    unit_id: str
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    heads: Sequence[str]
    active: bool


async def person(tx: Tx, employee_id: UUID) -> PersonRow | None:
    row = await tx.connection.fetchrow(_PERSON, employee_id)
    return None if row is None else PersonRow(*row)


class PostingChange(NamedTuple):
    """What changes about a person from a date on; `body` holds the fields that change."""

    change_id: UUID
    employee_id: UUID
    effective_from: dt.date
    kind: str
    body: Mapping[str, Any]
    status: str


async def add_change(tx: Tx, change: PostingChange, at: dt.datetime, by: str) -> None:
    """Store a change that waits for its date."""
    await tx.connection.execute(_ADD_CHANGE, *change._replace(body=_json(change.body)), at, by)


def _json(body: Mapping[str, Any]) -> Any:
    return json.dumps(body, default=str)


async def take_due(tx: Tx, today: dt.date) -> list[PostingChange]:
    """Posting changes whose date has come, oldest first; they count as applied with this transaction."""
    due = [PostingChange(*row) for row in await tx.connection.fetch(_DUE, today)]
    return sorted(due, key=lambda change: (change.effective_from, change.change_id))


async def changes_of(tx: Tx, employee_id: UUID) -> list[PostingChange]:
    """A person's changes, past and to come, by date."""
    return [PostingChange(*row) for row in await tx.connection.fetch(_CHANGES_OF, employee_id)]


async def cancel_change(tx: Tx, change_id: UUID) -> bool:
    """False if it is not waiting any more."""
    return bool(await tx.connection.fetchval(_CANCEL_CHANGE, change_id))


async def apply_change(tx: Tx, change: PostingChange) -> None:
    """Put the fields that the change names into the directory."""
    await tx.connection.execute(_APPLY, change.employee_id, _json(change.body))


async def acting_overlap(tx: Tx, absent_id: UUID, first: dt.date, last: dt.date) -> Days | None:
    """A period of the same absent superior that touches the span."""
    row = await tx.connection.fetchrow(_ACTING_OVERLAP, absent_id, first, last)
    return None if row is None else Days(*row)


class ActingPeriod(NamedTuple):
    """While `absent_id` is away, `deputy_id` stands in; both dates included."""

    acting_id: UUID
    absent_id: UUID
    deputy_id: UUID
    kind: str
    from_date: dt.date
    to_date: dt.date
    letter: str | None


async def add_acting(tx: Tx, period: ActingPeriod, at: dt.datetime, by: str) -> None:
    """Store a period."""
    await tx.connection.execute(_ADD_ACTING, *period, at, by)


async def cancel_acting(tx: Tx, acting_id: UUID) -> bool:
    return bool(await tx.connection.fetchval(_CANCEL_ACTING, acting_id))


async def acting(tx: Tx, today: dt.date) -> list[ActingPeriod]:
    """Periods that have not ended, by start."""
    return [ActingPeriod(*row) for row in await tx.connection.fetch(_ACTING, today)]


async def supervisors(tx: Tx) -> dict[UUID, UUID]:
    """Superior by person."""
    rows = await tx.connection.fetch(_SUPERVISORS)
    return {row["employee_id"]: row["supervisor_id"] for row in rows}


async def set_remote_places(tx: Tx, employee_id: UUID, places: list[Any]) -> None:
    await tx.connection.execute(_REMOTE, employee_id, json.dumps(places))


async def erase(tx: Tx, employee_id: UUID) -> bool:
    """Delete a person who has left. False if unknown or still active."""
    for statement in _UNLINK:
        await tx.connection.execute(statement, employee_id)
    return bool(await tx.connection.fetchval(_ERASE, employee_id))


async def depart(tx: Tx, employee_id: UUID) -> bool:
    """Say that a person has left, whatever stood there. False if unknown."""
    return bool(await tx.connection.fetchval(_DEPART, employee_id))


async def forget_published(tx: Tx) -> None:
    """After this every entry of the directory counts as changed."""
    for statement in _AGAIN:
        await tx.connection.execute(statement)
