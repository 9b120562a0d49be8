"""What an import brings, as values that can be compared with what is stored."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import PlainSerializer, SerializationInfo

AS_STORED = "as stored"
"""The context in which a record is written for PostgreSQL: its parts are objects there, lists in a proposal."""


def _part(value: NamedTuple, info: SerializationInfo) -> object:
    return value._asdict() if info.context == AS_STORED else tuple(value)


_WRITTEN = PlainSerializer(_part)


class Place(NamedTuple):
    """A circle: latitude and longitude in degrees, radius in metres."""

    lat: float
    lon: float
    radius_m: float


Places = tuple[Annotated[Place, _WRITTEN], ...]


@dataclass(frozen=True, slots=True)
class Opd:
    opd_code: str
    name: str
    short_name: str
    kind: str
    direct_service: str


@dataclass(frozen=True, slots=True)
class Unit:
    unit_id: str
    opd_code: str
    name: str
    is_service_point: bool
    direct_service: bool
    places: Places
    slo: float


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """So many people at the counter on these weekdays (Monday 0) from `opens` to `closes`, local HH:MM."""

    weekdays: tuple[int, ...]
    opens: str
    closes: str
    min_staff: int
    on_holidays: bool


@dataclass(frozen=True, slots=True)
class RequirementSet:
    """All openings of a unit that begin to hold on one date."""

    unit_id: str
    effective_from: dt.date
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class Employee:
    employee_id: UUID
    nip: str
    name: str
    opd_code: str
    unit_id: str
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    employment: str
    echelon: str | None
    email: str | None
    phone: str | None
    remote_places: Places
    heads: tuple[str, ...]
    skills: tuple[str, ...]
    timetable: str
    shift_group: int | None
    post_since: dt.date | None
    discipline_until: dt.date | None
    active: bool


class Holiday(NamedTuple):
    date: dt.date
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """All holidays of one year, by date."""

    year: int
    holidays: tuple[Annotated[Holiday, _WRITTEN], ...]

    @property
    def dates(self) -> frozenset[dt.date]:
        return frozenset(holiday.date for holiday in self.holidays)


LeaveKind = Literal["annual", "long", "sick", "maternity", "important", "unpaid", "permission"]
"""The kinds of leave (PP 11/2017), and a permission for hours or days."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Leave or duty travel, both ends included. `kind` of a leave is restricted: it never leaves this service."""

    employee_id: UUID
    category: str
    from_date: dt.date
    to_date: dt.date
    kind: str | None
    letter: str | None


def gives_way(stored: Absence, given: Absence) -> bool:
    """Whether a stored absence is cut by one that overlaps it: a sick note interrupts an annual leave.

    The days are given back to it (PP 11/2017 tells the two apart).
    """
    return given.kind == "sick" and stored.kind == "annual"


@dataclass(frozen=True, slots=True)
class Known:
    """What the checks of an import need to know of what is stored."""

    opds: frozenset[str] = frozenset()
    unit_opd: Mapping[str, str] = field(default_factory=dict[str, str])
    unit_sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    ids_by_nip: Mapping[str, UUID] = field(default_factory=dict[str, UUID])
    supervisors: Mapping[UUID, UUID] = field(default_factory=dict[UUID, UUID])
