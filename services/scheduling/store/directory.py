"""SQL of the directory: what imports compare with, write, and publish."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from services.scheduling.domain.imports import Kind
from services.scheduling.domain.records import (
    Absence,
    CalendarYear,
    Employee,
    Known,
    Opd,
    Opening,
    Places,
    Record,
    RequirementSet,
    Unit,
)
from services.scheduling.store.superiors import ANSWERS
from shared.database import Tx
from shared.events.base import MAX_HEADS

_LOCK = "select pg_advisory_xact_lock(hashtext('scheduling.write'))"

_EMPLOYEE_COLUMNS = (
    "employee_id, nip, name, opd_code, unit_id, supervisor_id, acting_supervisor_id, employment, echelon, email, "
    "phone, remote_places, heads, timetable, shift_group, post_since, discipline_until, active"
)

_UPSERT_OPD = """
    insert into opd (opd_code, name, short_name, kind, direct_service)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    on conflict (opd_code) do update set name = excluded.name, short_name = excluded.short_name,
        kind = excluded.kind, direct_service = excluded.direct_service
"""
_UPSERT_UNIT = """
    insert into unit (unit_id, opd_code, name, is_service_point, direct_service, places, slo)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::bool[], $6::jsonb[], $7::float8[])
    on conflict (unit_id) do update set opd_code = excluded.opd_code, name = excluded.name,
        is_service_point = excluded.is_service_point, direct_service = excluded.direct_service,
        places = excluded.places, slo = excluded.slo
"""
_UPSERT_REQUIREMENT = """
    insert into requirement (unit_id, effective_from, openings)
    select * from unnest($1::text[], $2::date[], $3::jsonb[])
    on conflict (unit_id, effective_from) do update set openings = excluded.openings
"""
_UPSERT_CALENDAR = """
    insert into calendar (year, holidays) select * from unnest($1::int[], $2::jsonb[])
    on conflict (year) do update set holidays = excluded.holidays
"""
_UPSERT_ABSENCE = """
    insert into absence (employee_id, category, from_date, to_date, kind, letter)
    select * from unnest($1::uuid[], $2::text[], $3::date[], $4::date[], $5::text[], $6::text[])
    on conflict (employee_id, category, from_date, to_date) do update set kind = excluded.kind,
        letter = excluded.letter
"""
_UPSERT_EMPLOYEE = """
    insert into employee ({columns})
    select e.employee_id, e.nip, e.name, e.opd_code, e.unit_id, e.supervisor_id, e.acting_supervisor_id,
        e.employment, e.echelon, e.email, e.phone, e.remote_places, e.heads, e.timetable, e.shift_group,
        e.post_since, e.discipline_until, e.active
    from jsonb_to_recordset($1::jsonb) as e (employee_id uuid, nip text, name text, opd_code text, unit_id text,
        supervisor_id uuid, acting_supervisor_id uuid, employment text, echelon text, email text, phone text,
        remote_places jsonb, heads text[], timetable text, shift_group smallint, post_since date,
        discipline_until date, active bool)
    on conflict (employee_id) do update set ({updated}) = row ({excluded})
"""
_PUBLISH_UNITS = """
    with entry as (
        select u.unit_id, jsonb_build_object(
            'unit_id', u.unit_id, 'opd_code', u.opd_code, 'opd_name', o.name, 'name', u.name,
            'is_service_point', u.is_service_point, 'places', u.places, 'slo', u.slo,
            'requirements', coalesce((
                select jsonb_agg(jsonb_build_object('effective_from', r.effective_from) || opening
                                 order by r.effective_from, position)
                from requirement r, jsonb_array_elements(r.openings) with ordinality as x (opening, position)
                where r.unit_id = u.unit_id), '[]')) as body
        from unit u join opd o using (opd_code)
    ), digest as (select unit_id, body, md5(body::text) as digest from entry)
    update unit set revision = revision + 1, published = digest.digest
    from digest where digest.unit_id = unit.unit_id and unit.published is distinct from digest.digest
    returning unit.revision, digest.body
"""
_PUBLISH_EMPLOYEES = f"""
    with recursive {ANSWERS}, today as (
        select a.absent_id, a.deputy_id, absent.heads
        from acting a
        join employee absent on absent.employee_id = a.absent_id
        join employee deputy on deputy.employee_id = a.deputy_id and deputy.active
        where not a.cancelled and $1::date between a.from_date and a.to_date
    ), entry as (
        select e.employee_id, jsonb_build_object(
            'employee_id', e.employee_id, 'nip', nip, 'name', name, 'opd_code', opd_code, 'unit_id', unit_id,
            'supervisor_id', answers.superior_id,
            -- nobody deputises for their own superior towards themselves; a deputy of one who left stands in too
            'acting_supervisor_id', coalesce(
                (select deputy_id from today
                 where absent_id in (e.supervisor_id, answers.superior_id) and deputy_id <> e.employee_id
                 order by absent_id = e.supervisor_id desc limit 1),
                case when e.acting_supervisor_id is not null then
                    (select one.employee_id from employee one
                     where one.employee_id = e.acting_supervisor_id and one.active) end),
            -- the contract's bound: a deputy of many may reach it
            'heads', array(
                select distinct head from (
                    select unnest(e.heads) as head
                    union select unnest(today.heads) from today where deputy_id = e.employee_id) as all_heads
                order by head limit {MAX_HEADS}),
            'employment', employment, 'echelon', echelon, 'email', email, 'phone', phone,
            'remote_places', remote_places, 'active', active) as body
        from employee e join answers using (employee_id)
    ), digest as (select employee_id, body, md5(body::text) as digest from entry)
    update employee set revision = revision + 1, published = digest.digest,
        effective_supervisor_id = (digest.body ->> 'supervisor_id')::uuid,
        effective_acting_id = (digest.body ->> 'acting_supervisor_id')::uuid
    from digest where digest.employee_id = employee.employee_id
        and employee.published is distinct from digest.digest
    returning employee.revision, digest.body
"""  # noqa: S608 - built from constants
_PUBLISH_CALENDAR = """
    with digest as (
        select year, jsonb_build_object('year', year, 'holidays', holidays) as body, md5(holidays::text) as digest
        from calendar)
    update calendar set revision = revision + 1, published = digest.digest
    from digest where digest.year = calendar.year and calendar.published is distinct from digest.digest
    returning calendar.revision, digest.body
"""
_STORED: dict[Kind, str] = {
    "opds": "select opd_code, name, short_name, kind, direct_service from opd",
    "units": "select unit_id, opd_code, name, is_service_point, direct_service, places, slo from unit",
    "requirements": "select unit_id, effective_from, openings from requirement",
    "employees": f"select {_EMPLOYEE_COLUMNS} from employee",  # noqa: S608 - the columns are a constant
    "holidays": "select year, holidays from calendar",
    "leave": "select employee_id, category, from_date, to_date, kind, letter from absence",
    "duty_travel": "select employee_id, category, from_date, to_date, kind, letter from absence",
}

_WITHHOLD = {
    "directory.unit.v1": """
        update unit set published = null, revision = revision - 1 where unit_id = any($1::text[])
    """,
    "directory.employee.v1": """
        update employee set published = null, revision = revision - 1 where employee_id = any($1::text[]::uuid[])
    """,
    "calendar.changed.v1": """
        update calendar set published = null, revision = revision - 1 where year = any($1::text[]::int[])
    """,
}

_LIST_OPDS = "select opd_code, name, short_name, kind, direct_service from opd order by opd_code"

_LIST_UNITS = """
    select u.unit_id, u.opd_code, u.name, u.is_service_point, u.direct_service, u.places, u.slo, u.revision,
        coalesce((select jsonb_agg(jsonb_build_object('effective_from', effective_from, 'openings', openings)
                                   order by effective_from)
                  from requirement r where r.unit_id = u.unit_id), '[]') as requirements
    from unit u where ($1::text is null or opd_code = $1) and unit_id > $2 order by unit_id limit $3
"""
_LIST_EMPLOYEES = """
    select employee_id, nip, name, opd_code, unit_id, supervisor_id, acting_supervisor_id, heads, employment,
        echelon, timetable, shift_group, post_since, discipline_until, active, revision
    from employee
    where ($1::text is null or opd_code = $1) and ($2::text is null or unit_id = $2) and employee_id > $3
    order by employee_id limit $4
"""


def _upsert_employee() -> str:
    names = _EMPLOYEE_COLUMNS.split(", ")[1:]
    return _UPSERT_EMPLOYEE.format(
        columns=_EMPLOYEE_COLUMNS,
        updated=", ".join(names),
        excluded=", ".join(f"excluded.{name}" for name in names),
    )


async def lock(tx: Tx) -> None:
    """Commands that change the directory or the plans take turns, so that revisions and the outbox agree."""
    await tx.connection.execute(_LOCK)


def _places_json(places: Places) -> list[dict[str, float]]:
    return [{"lat": lat, "lon": lon, "radius_m": radius} for lat, lon, radius in places]


def _places(value: list[dict[str, float]]) -> Places:
    return tuple((float(one["lat"]), float(one["lon"]), float(one["radius_m"])) for one in value)


def opening_of(value: Mapping[str, Any]) -> Opening:
    """A stored opening as a value."""
    return Opening(
        tuple(value["weekdays"]), value["opens"], value["closes"], value["min_staff"], value["on_holidays"]
    )


async def known(tx: Tx, kind: Kind) -> Known:
    """What the checks of an import of `kind` need."""
    opds = frozenset(row["opd_code"] for row in await tx.connection.fetch("select opd_code from opd"))
    unit_opd = {row[0]: row[1] for row in await tx.connection.fetch("select unit_id, opd_code from unit")}
    if kind in {"requirements", "units"}:
        sizes = await tx.connection.fetch("select unit_id, count(*) from employee where active group by unit_id")
        return Known(opds, unit_opd, {row[0]: row[1] for row in sizes})
    if kind not in {"employees", "leave", "duty_travel"}:
        return Known(opds, unit_opd)
    people = await tx.connection.fetch("select nip, employee_id, supervisor_id from employee")
    ids = {row[0]: UUID(int=row[1].int) for row in people}
    bosses = {UUID(int=row[1].int): UUID(int=row[2].int) for row in people if row[2] is not None}
    if kind == "employees":
        return Known(opds, unit_opd, ids_by_nip=ids, supervisors=bosses)
    absences: dict[UUID, list[Absence]] = {}
    for record in (await stored(tx, kind)).values():
        if isinstance(record, Absence):
            absences.setdefault(record.employee_id, []).append(record)
    return Known(opds, unit_opd, ids_by_nip=ids, absences=absences)


def key_of(record: Record) -> object:
    """What makes two records the same thing."""
    match record:
        case Opd():
            return record.opd_code
        case Unit():
            return record.unit_id
        case RequirementSet():
            return record.unit_id, record.effective_from
        case Employee():
            return record.employee_id
        case CalendarYear():
            return record.year
        case Absence():
            return record.employee_id, record.category, record.from_date, record.to_date


def name_of(record: Record) -> dict[str, Any]:
    """The fields that name a record in an answer; a person by employee_id, never by NIP."""
    match record:
        case Opd():
            names = ("opd_code",)
        case Unit():
            names = ("unit_id",)
        case RequirementSet():
            names = ("unit_id", "effective_from")
        case Employee():
            names = ("employee_id",)
        case CalendarYear():
            names = ("year",)
        case Absence():
            names = ("employee_id", "from_date", "to_date")
    return {name: str(getattr(record, name)) for name in names}


def _uuid(value: UUID | None) -> UUID | None:
    # asyncpg gives a subclass; a plain one compares, pickles and hashes as everybody expects.
    return None if value is None else UUID(int=value.int)


def _record(kind: Kind, row: Any) -> Record:
    match kind:
        case "opds":
            return Opd(*row)
        case "units":
            return Unit(row[0], row[1], row[2], row[3], row[4], _places(row[5]), row[6])
        case "requirements":
            return RequirementSet(row[0], row[1], tuple(opening_of(one) for one in row[2]))
        case "employees":
            values = list(row)
            for index in (0, 5, 6):
                values[index] = _uuid(values[index])
            values[11], values[12] = _places(values[11]), tuple(values[12])
            return Employee(*values)
        case "holidays":
            return CalendarYear(
                row[0],
                tuple((dt.date.fromisoformat(one["date"]), one["kind"], one["name"]) for one in row[1]),
            )
        case "leave" | "duty_travel":
            return Absence(cast("UUID", _uuid(row[0])), *row[1:])


async def stored(tx: Tx, kind: Kind) -> dict[object, Record]:
    """All records of a kind, by key. Absences of both categories, as they must not overlap."""
    records = [_record(kind, row) for row in await tx.connection.fetch(_STORED[kind])]
    return {key_of(record): record for record in records}


def _columns(records: Sequence[Record], names: str) -> list[list[Any]]:
    return [[getattr(record, name) for record in records] for name in names.split()]


async def save(tx: Tx, kind: Kind, records: Sequence[Record]) -> None:
    """Write `records` over what is stored under their keys."""
    if not records:
        return
    match kind:
        case "opds":
            columns = _columns(records, "opd_code name short_name kind direct_service")
            await tx.connection.execute(_UPSERT_OPD, *columns)
        case "units":
            columns = _columns(records, "unit_id opd_code name is_service_point direct_service places slo")
            columns[5] = [json.dumps(_places_json(places)) for places in columns[5]]
            await tx.connection.execute(_UPSERT_UNIT, *columns)
        case "requirements":
            columns = _columns(records, "unit_id effective_from openings")
            columns[2] = [json.dumps([_opening_json(one) for one in openings]) for openings in columns[2]]
            await tx.connection.execute(_UPSERT_REQUIREMENT, *columns)
        case "employees":
            await _save_employees(tx, cast("Sequence[Employee]", records))
        case "holidays":
            years = cast("Sequence[CalendarYear]", records)
            bodies = [
                json.dumps([{"date": str(day), "kind": k, "name": name} for day, k, name in year.holidays])
                for year in years
            ]
            await tx.connection.execute(_UPSERT_CALENDAR, [year.year for year in years], bodies)
        case "leave" | "duty_travel":
            columns = _columns(records, "employee_id category from_date to_date kind letter")
            await tx.connection.execute(_UPSERT_ABSENCE, *columns)


def _opening_json(one: Opening) -> dict[str, Any]:
    return {
        "weekdays": list(one.weekdays),
        "opens": one.opens,
        "closes": one.closes,
        "min_staff": one.min_staff,
        "on_holidays": one.on_holidays,
    }


async def _save_employees(tx: Tx, records: Sequence[Employee]) -> None:
    # Deferred constraints: one file may bring a person before their superior.
    await tx.connection.execute("set constraints all deferred")
    names = _EMPLOYEE_COLUMNS.split(", ")
    statement = _upsert_employee()
    for part in _parts(records, 4000):
        rows: list[dict[str, Any]] = []
        for record in part:
            row = {name: getattr(record, name) for name in names}
            row["remote_places"] = _places_json(record.remote_places)
            rows.append(row)
        await tx.connection.execute(statement, json.dumps(rows, default=str))


def _parts(records: Sequence[Employee], size: int) -> Iterable[Sequence[Employee]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


@dataclass(frozen=True, slots=True)
class Entry:
    """The whole of one entity, as its event carries it."""

    revision: int
    body: Mapping[str, Any]


async def _entries(tx: Tx, statement: str, *parameters: Any) -> list[Entry]:
    return [Entry(row[0], row[1]) for row in await tx.connection.fetch(statement, *parameters)]


async def changed_units(tx: Tx) -> list[Entry]:
    """Units whose entry differs from the one last published; each gets its next revision."""
    return await _entries(tx, _PUBLISH_UNITS)


async def changed_employees(tx: Tx, today: dt.date) -> list[Entry]:
    """Employees whose entry on `today` differs from the one last published; each gets its next revision.

    While an acting period lasts, the deputy stands beside the superior and heads what the superior heads.
    """
    return await _entries(tx, _PUBLISH_EMPLOYEES, today)


async def withhold(tx: Tx, topic: str, keys: Sequence[str]) -> None:
    """Entries that were named as changed and cannot be published: as if they had not been."""
    await tx.connection.execute(_WITHHOLD[topic], list(keys))


async def changed_years(tx: Tx) -> list[Entry]:
    """Calendar years that differ from what was last published; each gets its next revision."""
    return await _entries(tx, _PUBLISH_CALENDAR)


async def opds(tx: Tx) -> Sequence[Any]:
    return await tx.connection.fetch(_LIST_OPDS)


async def units(tx: Tx, opd_code: str | None, after: str, limit: int) -> Sequence[Any]:
    return await tx.connection.fetch(_LIST_UNITS, opd_code, after, limit)


async def employees(tx: Tx, opd_code: str | None, unit_id: str | None, after: UUID, limit: int) -> Sequence[Any]:
    return await tx.connection.fetch(_LIST_EMPLOYEES, opd_code, unit_id, after, limit)
