"""SQL of who answers for whom: the superior whom the directory names, or the next one up."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.database import Tx

ANSWERS = """
    climb as (
        select employee_id as below, opd_code, opd_code = any(heads) as leads, supervisor_id as boss, 1 as step
        from employee where supervisor_id is not null
        union all
        select c.below, c.opd_code, c.leads, b.supervisor_id, c.step + 1
        from climb c join employee b on b.employee_id = c.boss
        where b.supervisor_id is not null and c.step < 32
            and not (b.active and (c.leads or b.opd_code = c.opd_code))
    ), above as (
        select distinct on (c.below) c.below, c.boss
        from climb c join employee b on b.employee_id = c.boss
        where b.active and (c.leads or b.opd_code = c.opd_code) and c.boss <> c.below
        order by c.below, c.step
    ), head as (
        select distinct on (headed) headed, employee_id, supervisor_id
        from employee, unnest(heads) as headed where active order by headed, employee_id
    ), answers as (
        select e.employee_id, coalesce(a.boss, u.employee_id, o.employee_id, named.employee_id) as superior_id
        from employee e
        left join above a on a.below = e.employee_id
        left join head u on u.headed = e.unit_id and not e.heads && array[e.unit_id, e.opd_code]
            and u.employee_id <> e.employee_id and u.supervisor_id is distinct from e.employee_id
        left join head o on o.headed = e.opd_code and e.opd_code <> all(e.heads)
            and o.employee_id <> e.employee_id and o.supervisor_id is distinct from e.employee_id
        left join employee named on named.employee_id = e.supervisor_id and named.active
    )
"""
"""Common table expressions (after `with recursive`) that end in answers (employee_id, superior_id).

The superior that the directory names, while they serve in the same OPD; the head of an OPD may have one anywhere.
Else the next one up: their superior and so on, the head of the unit, the head of the OPD. Where there is nobody at
all, the named superior if they still serve anywhere, or null: such people stand in the list of `without`.
"""

MEMBERS = """(
    select employee_id, name, opd_code, unit_id, heads, active,
        effective_supervisor_id as supervisor_id, effective_acting_id as acting_supervisor_id
    from employee
)"""
"""The directory as it is published, as `shared.access.SUPERIOR` reads it."""

FIRST = UUID(int=0)
_WITHOUT = """
    select e.employee_id, e.nip, e.name, e.opd_code, e.unit_id, e.supervisor_id,
        case when e.supervisor_id is null then 'none' when not s.active then 'departed' else 'other_opd' end
            as because,
        e.effective_supervisor_id as reviewer_id
    from employee e left join employee s on s.employee_id = e.supervisor_id
    where e.active and (s.employee_id is null or not s.active
                        or (s.opd_code <> e.opd_code and e.opd_code <> all(e.heads)))
        and ($1::text is null or e.opd_code = $1) and ($2::text is null or e.unit_id = $2)
        and e.employee_id > $3
        and ($5::uuid[] is null or e.employee_id = any($5) or e.supervisor_id = any($5))
    order by e.employee_id limit $4
"""
_UNDER = """
    select supervisor_id, employee_id, name, opd_code from employee
    where active and supervisor_id = any($1::uuid[]) order by supervisor_id, employee_id
"""
_LEAVING = "select opd_code, heads from employee where employee_id = $1"


async def without(
    tx: Tx,
    *,
    opd_code: str | None = None,
    unit_id: str | None = None,
    after: UUID = FIRST,
    limit: int = 1000,
    around: Sequence[UUID] | None = None,
) -> Sequence[Any]:
    """Active people whose superior is not named, has left, or works in another OPD; by employee_id.

    `because` is none, departed or other_opd; `reviewer_id` is who reviews until it is mended, as last published.
    `around` keeps those people and the people under them.
    """
    keep = None if around is None else list(around)
    return await tx.connection.fetch(_WITHOUT, opd_code, unit_id, after, limit, keep)


class Subordinate(NamedTuple):
    """Someone whose named superior another is."""

    employee_id: UUID
    name: str
    opd_code: str


class Leaving(NamedTuple):
    """Someone whose posting changes: where they work, and the units and OPD that they head."""

    opd_code: str
    heads: Sequence[str]


async def under(tx: Tx, superiors: Sequence[UUID]) -> dict[UUID, list[Subordinate]]:
    """The active people (employee_id, name, opd_code) whose named superior each of these is."""
    below: dict[UUID, list[Subordinate]] = {}
    for superior, *person in await tx.connection.fetch(_UNDER, list(superiors)):
        below.setdefault(UUID(int=superior.int), []).append(Subordinate(*person))
    return below


async def leaving(tx: Tx, employee_id: UUID) -> Leaving:
    """Someone of the directory whose posting changes."""
    row = await tx.connection.fetchrow(_LEAVING, employee_id)
    assert row is not None  # noqa: S101 - who is asked about has just been found
    return Leaving(*row)
