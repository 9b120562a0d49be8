"""Events of the scheduling service: the directory, the calendar, the rules and the plans."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import (
    Count,
    Event,
    Instant,
    LocalTime,
    Mode,
    OpdCode,
    Part,
    Place,
    Revision,
    UnitId,
)


class EmployeeChanged(Event):
    topic = "directory.employee.v1"
    key_field = "employee_id"
    description = (
        "The whole of one employee's directory entry, published again at each change. "
        "A tombstone is an erasure. Restricted: holds personal data."
    )

    employee_id: UUID
    revision: Revision
    nip: str
    name: str
    opd_code: OpdCode
    unit_id: UnitId
    supervisor_id: UUID | None = None
    acting_supervisor_id: UUID | None = None
    heads: list[str] = []
    employment: Literal["PNS", "PPPK"]
    echelon: Literal["II", "III", "IV"] | None = None
    email: str | None = None
    phone: str | None = None
    remote_places: list[Place] = []
    active: bool = True


class Requirement(Part):
    """How many people a service point needs at its counter, and when."""

    effective_from: dt.date
    weekdays: list[Annotated[int, Field(ge=0, le=6)]]
    opens: LocalTime
    closes: LocalTime
    min_staff: Annotated[int, Field(ge=0, le=1_000_000)]
    on_holidays: bool = False


class UnitChanged(Event):
    topic = "directory.unit.v1"
    key_field = "unit_id"
    description = "The whole of one unit: its places and, for a service point, requirements and objective."

    unit_id: UnitId
    revision: Revision
    opd_code: OpdCode
    opd_name: str
    name: str
    is_service_point: bool
    places: list[Place] = []
    requirements: list[Requirement] = []
    slo: Annotated[float, Field(ge=0, le=1)] = 0.99


class RulesChanged(Event):
    topic = "rules.changed.v1"
    key_field = "rules_version"
    description = "One version of the rules of judgement. The content of a version never changes."

    rules_version: Annotated[str, Field(min_length=1, max_length=64)]
    effective_from: dt.date
    tolerance_minutes: Count
    report_modes: list[Mode]
    report_cutoff: LocalTime
    review_sla_working_days: Count


class Holiday(Part):
    date: dt.date
    kind: Literal["national", "collective_leave"]
    name: str


class CalendarChanged(Event):
    topic = "calendar.changed.v1"
    key_field = "year"
    description = "All holidays of one year."

    year: Annotated[int, Field(ge=1900, le=2999)]
    revision: Revision
    holidays: list[Holiday]


class ScheduleChanged(Event):
    topic = "schedule.changed.v1"
    key_field = "employee_id"
    description = (
        "The plan of one employee for one work date. starts_at and ends_at are null unless the mode is "
        "WFO or WFH. reason is a code, never a health reason."
    )

    employee_id: UUID
    opd_code: OpdCode
    unit_id: UnitId
    work_date: dt.date
    revision: Revision
    mode: Mode
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    policy_version: str | None = None
    reason: str | None = None
