"""The directory as it is read."""

import datetime as dt
from typing import Literal
from uuid import UUID

from services.scheduling.store import directory as store
from services.scheduling.store import superiors
from services.scheduling.views.answer import Answer
from shared.access import READ_FULL_NIP, Principal, may, opd_within
from shared.database import Tx


class Opd(Answer):
    opd_code: str
    name: str
    short_name: str
    kind: str
    direct_service: str


class Place(Answer):
    """A circle: latitude and longitude in degrees, radius in metres."""

    lat: float
    lon: float
    radius_m: float


class Opening(Answer):
    """So many people at the counter on these weekdays (Monday 0), local HH:MM."""

    weekdays: list[int]
    opens: str
    closes: str
    min_staff: int
    on_holidays: bool


class Requirements(Answer):
    """All openings of a unit from a date on."""

    effective_from: dt.date
    openings: list[Opening]


class Unit(Answer):
    unit_id: str
    opd_code: str
    name: str
    is_service_point: bool
    direct_service: bool
    places: list[Place]
    slo: float
    revision: int
    requirements: list[Requirements]


class Person(Answer):
    """Someone of the directory; `nip` is masked for those outside the HR agency."""

    employee_id: UUID
    nip: str
    name: str
    opd_code: str
    unit_id: str
    supervisor_id: UUID | None


class Colleague(Person):
    """What an OPD admin sees of a person."""

    acting_supervisor_id: UUID | None
    heads: list[str]
    skills: list[str]
    employment: str
    echelon: str | None
    timetable: str
    shift_group: int | None
    post_since: dt.date | None
    active: bool
    revision: int


class Employee(Colleague):
    """A person with the last day under discipline."""

    discipline_until: dt.date | None


class Unled(Person):
    """A person whose superior is not named, has left or works in another OPD, and who reviews meanwhile."""

    because: Literal["none", "departed", "other_opd"]
    reviewer_id: UUID | None


def masked(nip: str) -> str:
    """A NIP without birth date and sex: what those outside the HR agency see."""
    return "*" * 15 + nip[15:]


async def opds(tx: Tx) -> list[Opd]:
    """Every OPD."""
    return [Opd.model_validate(dict(row)) for row in await store.opds(tx)]


async def units(tx: Tx, opd_code: str | None, after: str, limit: int) -> list[Unit]:
    """Units with their places and opening hours, by unit_id."""
    return [Unit.model_validate(dict(row)) for row in await store.units(tx, opd_code, after, limit)]


async def employees(
    tx: Tx, who: Principal, *, opd_code: str | None, unit_id: str | None, after: UUID, limit: int
) -> list[Colleague]:
    """People as far as the caller may see them, by employee_id."""
    rows = await store.employees(tx, opd_within(who, opd_code), unit_id, after, limit)
    if may(who, READ_FULL_NIP):
        return [Employee.model_validate(dict(row)) for row in rows]
    return [Colleague.model_validate({**row, "nip": masked(row["nip"])}) for row in rows]


async def unled(
    tx: Tx, who: Principal, *, opd_code: str | None, unit_id: str | None, after: UUID, limit: int
) -> list[Unled]:
    """People without a superior of their own OPD: the list to mend, by employee_id."""
    rows = await superiors.without(
        tx, opd_code=opd_within(who, opd_code), unit_id=unit_id, after=after, limit=limit
    )
    full = may(who, READ_FULL_NIP)
    return [Unled.model_validate({**row, "nip": row["nip"] if full else masked(row["nip"])}) for row in rows]
