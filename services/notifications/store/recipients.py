"""Whom the words of a rule mean, looked up for all that there is to tell at once.

`nth` is the place of what is told in its list. Who has left or was erased is nobody's head, superior or deputy.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind
from shared.database import Tx


class Person(NamedTuple):
    """Somebody whom it is about."""

    nth: int
    employee_id: UUID


class Place(NamedTuple):
    """A unit, or an OPD, that it is about."""

    nth: int
    code: str


class Post(NamedTuple):
    """Where somebody belongs."""

    nth: int
    unit_id: str | None
    opd_code: str | None


class Concern(NamedTuple):
    """What subscribers may have asked for; `opd_codes` None for what concerns the whole city."""

    nth: int
    kind: Kind
    opd_codes: Sequence[str] | None


class Before(NamedTuple):
    """What is taken back: the message about a subject that was told because of `cause`."""

    nth: int
    subject: str
    cause: UUID


Found = dict[int, list[UUID]]

# Where somebody has neither a superior nor a deputy, whoever heads their unit or OPD answers for them.
_SUPERIORS = """
    with about as (
        select nth, r.*
        from unnest($1::int[], $2::uuid[]) as a(nth, employee_id) join recipient r using (employee_id)
    ), found as (
        select nth, supervisor_id as employee_id from about where supervisor_id is not null
        union
        select a.nth, h.employee_id from about a
            join recipient h on h.heads ?| array[a.unit_id, a.opd_code] and h.employee_id <> a.employee_id
        where a.supervisor_id is null and a.acting_supervisor_id is null
    )
    select nth, employee_id from found
    where not exists (select from recipient gone where gone.employee_id = found.employee_id and not gone.active)
    order by nth, employee_id
"""
_DEPUTIES = """
    with found as (
        select distinct nth, r.acting_supervisor_id as employee_id
        from unnest($1::int[], $2::uuid[]) as a(nth, employee_id) join recipient r using (employee_id)
        where r.acting_supervisor_id is not null
    )
    select nth, employee_id from found
    where not exists (select from recipient gone where gone.employee_id = found.employee_id and not gone.active)
    order by nth, employee_id
"""
_HEADS = """
    select distinct nth, r.employee_id
    from unnest($1::int[], $2::text[]) as a(nth, code) join recipient r on r.active and r.heads ? a.code
    order by nth, employee_id
"""
_UNIT_HEADS = """
    with about as (select nth, code from unnest($1::int[], $2::text[]) as a(nth, code)),
    heads as (select nth, r.employee_id from about a join recipient r on r.active and r.heads ? a.code),
    found as (
        select nth, employee_id from heads
        union
        select a.nth, s.employee_id
        from about a join recipient r on r.active and r.unit_id = a.code
            cross join lateral unnest(array[r.supervisor_id, r.acting_supervisor_id]) as s(employee_id)
        where s.employee_id is not null and a.nth not in (select nth from heads)
    )
    select nth, employee_id from found
    where not exists (select from recipient gone where gone.employee_id = found.employee_id and not gone.active)
    order by nth, employee_id
"""
_SUBSCRIBERS = """
    select nth, s.subscription_id as employee_id
    from unnest($1::int[], $2::text[], $3::boolean[]) as a(nth, kind, everywhere)
        join subscription s on s.active and a.kind = any(s.kinds)
    where s.opd_codes is null or a.everywhere or exists (
        select from unnest($4::int[], $5::text[]) as o(nth, code)
        where o.nth = a.nth and o.code = any(s.opd_codes)
    )
    order by nth, s.created_at, s.subscription_id
"""
_TOLD = """
    select nth, m.employee_id
    from unnest($1::int[], $2::text[], $3::uuid[]) as a(nth, subject, cause)
        join message m on m.subject = a.subject and m.cause_event_id = a.cause
    where not exists (select from subscription where subscription_id = m.employee_id)
    order by nth, m.place
"""


async def _found(tx: Tx, sql: str, *columns: Sequence[object]) -> Found:
    found = defaultdict[int, list[UUID]](list)
    for row in await tx.connection.fetch(sql, *columns):
        found[row["nth"]].append(row["employee_id"])
    return found


def _columns(rows: Iterable[NamedTuple], width: int) -> list[list[object]]:
    """Rows as columns; as many empty ones where there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


async def superiors(tx: Tx, people: Sequence[Person]) -> Found:
    """Those whom people report to; without one and without a deputy, who heads their unit or OPD."""
    return await _found(tx, _SUPERIORS, *_columns(people, 2))


async def deputies(tx: Tx, people: Sequence[Person]) -> Found:
    """Those who stand in for their superiors now."""
    return await _found(tx, _DEPUTIES, *_columns(people, 2))


async def unit_heads(tx: Tx, units: Sequence[Place]) -> Found:
    """Who heads a unit; without anybody, the superiors and deputies of the people posted there."""
    return await _found(tx, _UNIT_HEADS, *_columns(units, 2))


async def opd_heads(tx: Tx, opds: Sequence[Place]) -> Found:
    """Who heads an OPD."""
    return await _found(tx, _HEADS, *_columns(opds, 2))


async def subscribers(tx: Tx, concerns: Sequence[Concern]) -> Found:
    """The subscriptions that ask for the kind, and for one of the OPDs."""
    codes = [Place(one.nth, code) for one in concerns for code in one.opd_codes or ()]
    return await _found(
        tx,
        _SUBSCRIBERS,
        [one.nth for one in concerns],
        [one.kind for one in concerns],
        [one.opd_codes is None for one in concerns],
        *_columns(codes, 2),
    )


async def told(tx: Tx, before: Sequence[Before]) -> Found:
    """The people who got what is taken back; no subscriptions."""
    return await _found(tx, _TOLD, *_columns(before, 3))


async def posts(tx: Tx, people: Sequence[Person]) -> list[Post]:
    """Where people belong, each place once."""
    rows = await tx.connection.fetch(
        """
        select distinct nth, r.unit_id, r.opd_code
        from unnest($1::int[], $2::uuid[]) as a(nth, employee_id) join recipient r using (employee_id)
        """,
        *_columns(people, 2),
    )
    return [Post(**row) for row in rows]


async def opds_of(tx: Tx, unit_ids: Sequence[str]) -> list[str]:
    """The OPDs that units belong to, as far as the directory knows them."""
    rows = await tx.connection.fetch(
        "select distinct opd_code from unit where unit_id = any($1) order by opd_code", unit_ids
    )
    return [row["opd_code"] for row in rows]
