"""All SQL of the attendance service. Hot paths are one statement for any number of rows."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import col, select, tuple_

from services.attendance.domain import ClockOffset, Person, Plan
from services.attendance.models import Audit, Outage, Punch, Void
from shared.database import Tx
from shared.events import Place


@dataclass(frozen=True, slots=True)
class PunchRow:
    """One row of `punch`, in the order of its columns."""

    punch_id: UUID
    employee_id: UUID
    opd_code: str
    unit_id: str
    work_date: dt.date
    kind: Any
    at: dt.datetime
    received_at: dt.datetime
    device_at: dt.datetime | None
    zone: Any
    source: Any
    flags: Sequence[str]
    lat: float | None
    lon: float | None
    accuracy_m: float | None
    time_trust: Any


# Places are looked at one by one, by every check-in there: a fact that came before they were bounded may hold any
# number of them, of which the first two hundred count.
_PEOPLE = """
    select employee_id, opd_code, unit_id, supervisor_id, acting_supervisor_id, heads,
        jsonb_path_query_array(remote_places, '$[0 to 199]') as remote_places, active
    from employee_fact where employee_id = any($1::uuid[]) and opd_code is not null
"""
_PLANS = """
    select employee_id, work_date, opd_code, unit_id, starts_at, ends_at
    from plan_fact where employee_id = any($1::uuid[]) and work_date between $2 and $3
"""
_PLACES = """
    select unit_id, jsonb_path_query_array(places, '$[0 to 199]') as places
    from unit_fact where unit_id = any($1::text[])
"""
_OFFSETS = """
    select who.employee_id, latest.ahead, latest.received_at
    from unnest($1::uuid[]) as who(employee_id), lateral (
        select received_at - device_at as ahead, received_at from punch
        where punch.employee_id = who.employee_id and source = 'app' and device_at is not null
        order by work_date desc, received_at desc limit 1
    ) as latest
"""
# Flags travel as one text each: arrays of arrays cannot be unnested row by row.
_INSERT = """
    insert into punch (punch_id, employee_id, opd_code, unit_id, work_date, kind, at, received_at, device_at,
        zone, source, flags, lat, lon, accuracy_m, time_trust)
    select punch_id, employee_id, opd_code, unit_id, work_date, kind, at, received_at, device_at,
        zone, source, string_to_array(flags, ' '), lat, lon, accuracy_m, time_trust
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::date[], $6::text[], $7::timestamptz[],
        $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::float8[], $14::float8[],
        $15::float8[], $16::text[])
        as given (punch_id, employee_id, opd_code, unit_id, work_date, kind, at, received_at, device_at, zone,
            source, flags, lat, lon, accuracy_m, time_trust)
    on conflict (punch_id) do nothing
    returning punch_id
"""
_STORED = """
    select punch_id, employee_id, opd_code, unit_id, work_date, kind, at, received_at, device_at, zone, source,
        flags, lat, lon, accuracy_m, time_trust
    from punch where punch_id = any($1::uuid[])
"""
_FORGET_POSITIONS = """
    update punch set lat = null, lon = null, accuracy_m = null
    where employee_id = any($1::uuid[]) and lat is not null
"""


async def people(tx: Tx, employee_ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Those of `employee_ids` that the directory knows; an erased one it does not know."""
    return {
        row["employee_id"]: Person(
            row["employee_id"],
            row["opd_code"],
            row["unit_id"],
            row["supervisor_id"],
            row["acting_supervisor_id"],
            tuple(row["heads"]),
            tuple(Place(**place) for place in row["remote_places"]),
            row["active"],
        )
        for row in await tx.connection.fetch(_PEOPLE, list(employee_ids))
    }


async def plans(
    tx: Tx, employee_ids: Iterable[UUID], first: dt.date, last: dt.date
) -> dict[UUID, dict[dt.date, Plan]]:
    """The plans of people for the work dates from `first` to `last`, by work date."""
    found: dict[UUID, dict[dt.date, Plan]] = defaultdict(dict)
    for row in await tx.connection.fetch(_PLANS, list(employee_ids), first, last):
        employee_id, *rest = row
        plan = Plan(*rest)
        found[employee_id][plan.work_date] = plan
    return found


async def places(tx: Tx, unit_ids: Iterable[str]) -> dict[str, list[Place]]:
    """Where units are; a unit that the directory does not know is not in the answer."""
    return {
        row["unit_id"]: [Place(**place) for place in row["places"]]
        for row in await tx.connection.fetch(_PLACES, list(unit_ids))
    }


async def clock_offsets(tx: Tx, employee_ids: Iterable[UUID]) -> dict[UUID, ClockOffset]:
    """What each person's last connected punch that told its device's time says about the device's clock."""
    return {row[0]: ClockOffset(row[1], row[2]) for row in await tx.connection.fetch(_OFFSETS, list(employee_ids))}


async def insert_punches(tx: Tx, rows: Sequence[PunchRow]) -> set[UUID]:
    """Store punches whose id is not taken; the ids stored. Ordered, so that two transactions cannot deadlock."""
    if not rows:
        return set()
    ordered = sorted(rows, key=lambda row: row.punch_id.int)
    columns = [[getattr(row, name) for row in ordered] for name in PunchRow.__slots__]
    columns[11] = [" ".join(flags) for flags in columns[11]]
    return {row[0] for row in await tx.connection.fetch(_INSERT, *columns)}


async def punches(tx: Tx, punch_ids: Iterable[UUID]) -> dict[UUID, PunchRow]:
    """Those of `punch_ids` that are recorded, voided or not."""
    return {row["punch_id"]: PunchRow(*row) for row in await tx.connection.fetch(_STORED, list(punch_ids))}


async def forget_positions(tx: Tx, employee_ids: Iterable[UUID]) -> None:
    """Erase where people were. The zones, which are facts already published, stay."""
    await tx.connection.execute(_FORGET_POSITIONS, list(employee_ids))


async def day_of(tx: Tx, employee_id: UUID, work_date: dt.date) -> Sequence[tuple[Punch, Void | None]]:
    """What is recorded of a person for a work date, in the order of product.md section 6."""
    query = (
        select(Punch, Void)
        .join(Void, col(Void.punch_id) == col(Punch.punch_id), isouter=True)
        .where(col(Punch.employee_id) == employee_id, col(Punch.work_date) == work_date)
        .order_by(col(Punch.at), col(Punch.kind), col(Punch.punch_id))
    )
    return (await tx.session.exec(query)).all()


async def lock_punch(tx: Tx, punch_id: UUID) -> Punch | None:
    """A punch, held until the transaction ends, so that two officers void it one after the other."""
    return await tx.session.get(Punch, punch_id, with_for_update=True)


async def hold_outage_id(tx: Tx, outage_id: UUID) -> None:
    """Until the transaction ends nobody else declares an outage with this id: a retry waits and finds it."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", str(outage_id))


async def lock_outage(tx: Tx, outage_id: UUID) -> Outage | None:
    return await tx.session.get(Outage, outage_id, with_for_update=True)


async def outages(
    tx: Tx, *, limit: int, after: tuple[dt.datetime, UUID] | None, ends_from: dt.datetime | None
) -> Sequence[Outage]:
    """Outages, the latest start first, revoked ones included; `ends_from` leaves out those that ended before."""
    query = select(Outage).order_by(col(Outage.starts_at).desc(), col(Outage.outage_id).desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(col(Outage.starts_at), col(Outage.outage_id)) < after)
    if ends_from is not None:
        query = query.where(col(Outage.ends_at) >= ends_from)
    return (await tx.session.exec(query)).all()


async def audit_log(tx: Tx, *, limit: int, before: int | None) -> Sequence[Audit]:
    """The newest entries first, from the one below `before`."""
    query = select(Audit).order_by(col(Audit.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(Audit.id) < before)
    return (await tx.session.exec(query)).all()
