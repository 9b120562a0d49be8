"""SQL of rosters: who is posted where and when, what binds them, and who published what."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from services.scheduling.domain.planning import LONGEST_DAYS, Away, Person, Pinned, Publications, UnitInput, Wish
from services.scheduling.domain.records import RequirementSet
from services.scheduling.domain.spans import Days
from services.scheduling.domain.timetable import Pattern, SpecialHours, special_of
from services.scheduling.store.directory import plain
from services.scheduling.store.hours import special_hours
from services.scheduling.store.tables import Roster
from shared.database import Tx

_UNITS = """
    select u.unit_id, u.opd_code, o.kind, u.direct_service
    from unit u join opd o using (opd_code)
    where $1 or u.opd_code = any($2::text[]) or u.unit_id = any($3::text[])
    order by u.opd_code, u.unit_id
"""
_PEOPLE = """
    select employee_id, unit_id, timetable, shift_group, echelon, cardinality(heads) > 0, post_since,
        discipline_until
    from employee
    where active and (unit_id = any($1::text[]) or employee_id in (
        select employee_id from posting_change
        where status = 'due' and effective_from <= $2 and body ->> 'unit_id' = any($1::text[])))
    order by employee_id
"""
_CHANGES = """
    select employee_id, effective_from, kind, body from posting_change
    where status = 'due' and effective_from <= $2 and employee_id = any($1::uuid[])
    order by employee_id, effective_from, kind
"""
_AWAY = """
    select employee_id, from_date, to_date, category from absence
    where employee_id = any($1::uuid[]) and to_date >= $2 and from_date <= $3
    order by category desc, from_date
"""
_STANDING = """
    select employee_id,
        count(*) filter (where mode = 'WFH' and work_date < $2),
        count(*) filter (where mode = 'WFH' and work_date < $2
                         and work_date >= date_trunc('week', $2::date)::date),
        coalesce(bool_or(mode = 'WFH' and work_date = $2::date - 1), false),
        count(*) filter (where mode = 'WFH' and work_date > $3
                         and work_date < date_trunc('week', $3::date)::date + 7),
        coalesce(bool_or(mode = 'WFH' and work_date = $3::date + 1), false),
        coalesce(bit_or(1::bigint << (work_date - $2))
                 filter (where mode = 'WFH' and work_date between $2 and $3), 0),
        array_agg(work_date order by work_date) filter (where pinned and work_date between $2 and $3),
        array_agg(mode order by work_date) filter (where pinned and work_date between $2 and $3)
    from plan
    where employee_id = any($1::uuid[]) and work_date between $2::date - 28 and $3::date + 6
        and (mode = 'WFH' or pinned)
    group by employee_id
"""
_REQUIREMENTS = """
    select r.unit_id, r.effective_from, r.openings from requirement r join unit u using (unit_id)
    where r.unit_id = any($1::text[]) and u.is_service_point order by r.unit_id, r.effective_from
"""
_WISHES = """
    select employee_id, work_date, mode, weight from wish
    where employee_id = any($1::uuid[]) and work_date between $2 and $3 order by work_date
"""
_APART = "select unit_id, one_id, other_id from apart where unit_id = any($1::text[]) order by 1, 2, 3"

_SHARES = """
    select u.unit_id, (
        select a.recommended_share from assessment a
        where a.assessed_on <= $2 and ((a.subject_kind = 'unit' and a.subject_id = u.unit_id)
            or (a.subject_kind = 'opd' and a.subject_id = u.opd_code))
        order by a.subject_kind desc, a.assessed_on desc limit 1) as share
    from unit u where u.unit_id = any($1::text[])
"""
_SPENT = """
    select unit_id from budget_fact where unit_id = any($1::text[]) and of_window = 'month' and status = 'spent'
"""
_HOLIDAYS = """
    select (holiday ->> 'date')::date as date from calendar, jsonb_array_elements(holidays) as holiday
    where year between $1 and $2
"""

UNITS_AT_ONCE = 20
"""Some 800 people: turning their rows into values holds the event loop up for some 10 ms."""
_PUBLICATIONS = """
    select r.roster_id, r.request, r.status, r.summary, r.created_at, r.created_by
    from roster r, lateral (
        select coalesce((r.request #>> '{scope,all}')::boolean, false) as everybody,
            coalesce(r.request #> '{scope,opd_codes}', '[]') as opd_codes,
            coalesce(r.request #> '{scope,unit_ids}', '[]') as unit_ids
    ) s, lateral (
        select array(
            select jsonb_array_elements_text(s.opd_codes)
            union select u.opd_code from unit u where s.unit_ids ? u.unit_id) as opds
    ) t
    where ($1::text is null or (not s.everybody and t.opds = array[$1]))
        and ($2::text is null or s.everybody or $2 = any(t.opds))
        and ($3::date is null or (r.request ->> 'to')::date >= $3)
        and ($4::date is null or (r.request ->> 'from')::date <= $4)
        and ($5::text is null or r.created_by = $5)
        and ($6::uuid is null or r.roster_id = $6)
        and ($7::timestamptz is null or (r.created_at, r.roster_id) < ($7, $8::uuid))
    order by r.created_at desc, r.roster_id desc limit $9
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which units a roster is for."""

    all: bool
    opd_codes: tuple[str, ...] = ()
    unit_ids: tuple[str, ...] = ()


_SETS = TypeAdapter(list[RequirementSet])


class _Unit(NamedTuple):
    unit_id: str
    opd_code: str
    opd_kind: str
    direct_service: bool


class _Person(NamedTuple):
    employee_id: UUID
    unit_id: str
    timetable: str
    shift_group: int | None
    echelon: str | None
    is_head: bool
    post_since: dt.date | None
    discipline_until: dt.date | None


class _Standing(NamedTuple):
    """What the plans that stand say of a person, as `Person` has it."""

    earlier_days: int = 0
    earlier_in_week: int = 0
    home_before: bool = False
    later_in_week: int = 0
    home_after: bool = False
    planned: int = 0
    pinned_days: Sequence[dt.date] | None = None
    pinned_modes: Sequence[str] | None = None


_NOTHING = _Standing()


class _Change(NamedTuple):
    """A change of posting that is due."""

    effective_from: dt.date
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Posting:
    """Where a person is posted for a while; None where a bound lies outside the span."""

    unit_id: str
    person: Person


async def requirements(tx: Tx, unit_ids: Sequence[str]) -> dict[str, list[RequirementSet]]:
    """Opening hours by service point."""
    rows = await tx.connection.fetch(_REQUIREMENTS, list(unit_ids))
    sets: dict[str, list[RequirementSet]] = {}
    for opened in _SETS.validate_python([dict(row) for row in rows]):
        sets.setdefault(opened.unit_id, []).append(opened)
    return sets


async def holidays(tx: Tx, first: dt.date, last: dt.date) -> frozenset[dt.date]:
    """The holidays of the years that touch the span."""
    rows = await tx.connection.fetch(_HOLIDAYS, first.year - 1, last.year + 1)
    return frozenset(row["date"] for row in rows)


async def units(
    tx: Tx, wanted: Wanted, first: dt.date, last: dt.date, *, fresh: bool = False
) -> AsyncIterator[list[UnitInput]]:
    """The input of the method, some people at a time. `fresh` leaves standing plans aside.

    ValueError for a span of more than `LONGEST_DAYS`: the days of a standing plan are the bits of one number.
    """
    if (last - first).days >= LONGEST_DAYS:
        raise ValueError(f"at most {LONGEST_DAYS} days at a time")
    special = await special_hours(tx, first, last)
    rows = await tx.connection.fetch(_UNITS, wanted.all, list(wanted.opd_codes), list(wanted.unit_ids))
    for start in range(0, len(rows), UNITS_AT_ONCE):
        part = [_Unit(*row) for row in rows[start : start + UNITS_AT_ONCE]]
        yield await _inputs(tx, part, Days(first, last), special, fresh=fresh)


async def _inputs(
    tx: Tx,
    units: Sequence[_Unit],
    span: Days,
    special: Sequence[SpecialHours],
    *,
    fresh: bool,
) -> list[UnitInput]:
    ids = [unit.unit_id for unit in units]
    people: dict[str, list[Person]] = {unit_id: [] for unit_id in ids}
    for posting in await _postings(tx, ids, span, fresh=fresh):
        if posting.unit_id in people:
            people[posting.unit_id].append(posting.person)
    openings = await requirements(tx, ids)
    apart: dict[str, list[tuple[UUID, UUID]]] = {}
    for unit_id, one, other in await tx.connection.fetch(_APART, ids):
        apart.setdefault(unit_id, []).append((plain(one), plain(other)))
    spent = {row["unit_id"] for row in await tx.connection.fetch(_SPENT, ids)}
    shares = {row["unit_id"]: row["share"] for row in await tx.connection.fetch(_SHARES, ids, span.first)}
    return [
        UnitInput(
            *unit,
            tuple(people[unit.unit_id]),
            tuple(openings.get(unit.unit_id, ())),
            shares.get(unit.unit_id),
            special_of(special, unit.opd_code, unit.unit_id),
            tuple(apart.get(unit.unit_id, ())),
            unit.unit_id in spent,
        )
        for unit in units
    ]


async def _postings(tx: Tx, ids: list[str], span: Days, *, fresh: bool) -> list[Posting]:
    people = [_Person(*row) for row in await tx.connection.fetch(_PEOPLE, ids, span.last)]
    who = [person.employee_id for person in people]
    beside = span.first - dt.timedelta(1), span.last + dt.timedelta(1)
    away: dict[UUID, list[Away]] = {}
    for employee_id, *absence in await tx.connection.fetch(_AWAY, who, *beside):
        away.setdefault(employee_id, []).append(Away(*absence))
    wishes: dict[UUID, list[Wish]] = {}
    for employee_id, *wish in await tx.connection.fetch(_WISHES, who, *span):
        wishes.setdefault(employee_id, []).append(Wish(*wish))
    rows = await tx.connection.fetch(_STANDING, who, *span)
    standing = {employee_id: _Standing(*plans) for employee_id, *plans in rows}
    changes: dict[UUID, list[_Change]] = {}
    for employee_id, *change in await tx.connection.fetch(_CHANGES, who, span.last):
        changes.setdefault(employee_id, []).append(_Change(*change))
    postings: list[Posting] = []
    for row in people:
        stands = standing.get(row.employee_id, _NOTHING)
        person = Person(
            plain(row.employee_id),
            Pattern(row.timetable, row.shift_group),
            row.echelon,
            row.is_head,
            row.post_since,
            row.discipline_until,
            tuple(away.get(row.employee_id, ())),
            earlier_days=stands.earlier_days,
            earlier_in_week=stands.earlier_in_week,
            home_before=stands.home_before,
            later_in_week=stands.later_in_week,
            home_after=stands.home_after,
            planned=0 if fresh else stands.planned,
            pinned=tuple(
                Pinned(day, mode)
                for day, mode in zip(stands.pinned_days or (), stands.pinned_modes or (), strict=True)
                if mode in ("WFO", "WFH")
            ),
            wishes=tuple(wishes.get(row.employee_id, ())),
        )
        timeline = _timeline(Posting(row.unit_id, person), changes.get(row.employee_id, ()))
        postings.extend(replace(posting, person=_own_days(posting.person, span.first)) for posting in timeline)
    return postings


def _own_days(person: Person, first: dt.date) -> Person:
    """Without the plans of days that the person spends in another posting."""
    since, until = person.since, person.until
    if since is None and until is None:
        return person
    mask = (1 << LONGEST_DAYS if until is None else 1 << max(0, (until - first).days + 1)) - 1
    if since is not None:
        mask &= -1 << max(0, (since - first).days)
    pinned = tuple(one for one in person.pinned if (since or one.day) <= one.day <= (until or one.day))
    return replace(person, planned=person.planned & mask, pinned=pinned)


def _timeline(posting: Posting, changes: Sequence[_Change]) -> list[Posting]:
    """A person's postings one after the other, as the changes that are due cut them."""
    postings: list[Posting] = []
    for change in changes:
        until = change.effective_from - dt.timedelta(1)
        postings.append(replace(posting, person=replace(posting.person, until=until)))
        if change.kind == "departure":
            return postings
        posting = _after(posting, *change)
    return [*postings, posting]


def _after(posting: Posting, day: dt.date, kind: str, body: Mapping[str, Any]) -> Posting:
    person = replace(posting.person, since=day, until=None)
    if kind == "discipline":
        return replace(posting, person=replace(person, discipline_until=dt.date.fromisoformat(body["until"])))
    person = replace(person, post_since=day, echelon=body.get("echelon", person.echelon))
    if "heads" in body:
        person = replace(person, is_head=bool(body["heads"]))
    if body.get("timetable"):
        person = replace(person, pattern=Pattern(body["timetable"], body.get("shift_group")))
    return Posting(body.get("unit_id", posting.unit_id), person)


async def roster(tx: Tx, roster_id: UUID) -> Roster | None:
    return await tx.session.get(Roster, roster_id)


async def publications(
    tx: Tx, chosen: Publications, before: tuple[dt.datetime, UUID] | None, limit: int
) -> Sequence[Any]:
    """Publications, newest first, older than `before`."""
    return await tx.connection.fetch(
        _PUBLICATIONS,
        chosen.within,
        chosen.opd_code,
        chosen.first,
        chosen.last,
        chosen.officer,
        chosen.roster_id,
        *(before or (None, None)),
        limit,
    )
