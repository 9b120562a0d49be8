"""Events of the scheduling service: the directory, the calendar, the rules and the plans."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.base import (
    MAX_HEADS,
    MAX_HOLIDAYS,
    MAX_PLACES,
    MAX_REQUIREMENTS,
    MAX_SKILLS,
    UUID,
    Code,
    Count,
    Date,
    EndTime,
    Event,
    Instant,
    LocalTime,
    Mode,
    Name,
    OpdCode,
    Part,
    Place,
    Revision,
    Share,
    Staff,
    Text,
    Truth,
    UnitId,
    Weekday,
    WorkDate,
    Year,
)

_SEVEN_DAYS_MS = str(7 * 24 * 3600 * 1000)
_HUNDRED_YEARS_MS = str(100 * 366 * 24 * 3600 * 1000)

MAX_WEEKDAYS = 20
"""Seven are enough; the same one may be named again."""

MAX_MODES = 5
LONGEST_PLAN = dt.timedelta(hours=48)
_NOTHING = dt.timedelta(0)
_DAY = dt.timedelta(days=1)
_OFFSET = dt.timedelta(hours=7)
_WIB = dt.timezone(_OFFSET)
"""Asia/Jakarta as the contract counts: it has no summer time."""


def _starts_near(work_date: dt.date, starts_at: dt.datetime) -> bool:
    """From midnight of the day before the work date to the midnight that ends the day after, in Asia/Jakarta."""
    midnight = dt.datetime.combine(work_date, dt.time(), _WIB)
    return -_DAY <= starts_at - midnight < 2 * _DAY


class EmployeeChanged(Event):
    topic = "directory.employee.v1"
    key_field = "employee_id"
    owner = "scheduling"
    audience = "restricted"
    fact = ("employee_id",)
    readers = ("attendance", "reporting", "notifications")
    description = (
        "The whole of one employee's directory entry, published again at each change. "
        "A tombstone is an erasure. Restricted: holds personal data."
    )
    trigger = (
        "An import, a change of posting or an acting period that starts or ends changes the entry; an "
        "officer erases a person."
    )
    partitions = 6
    config = {
        "cleanup.policy": "compact",
        "retention.ms": "-1",
        "min.compaction.lag.ms": _SEVEN_DAYS_MS,
        # An erasure is a fact too: a rebuild years later must find it.
        "delete.retention.ms": _HUNDRED_YEARS_MS,
    }
    tombstones = True
    example = {
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "revision": 3,
        "nip": "199001012015011001",
        "name": "Contoh Pegawai",
        "opd_code": "4.01",
        "unit_id": "4.01-LOKET",
        "supervisor_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f2e10",
        "employment": "PNS",
        "email": "contoh@example.go.id",
    }

    employee_id: UUID
    revision: Revision
    nip: Code
    name: Name
    opd_code: OpdCode
    unit_id: UnitId
    supervisor_id: UUID | None = None
    acting_supervisor_id: UUID | None = None
    heads: Annotated[list[Code], Field(max_length=MAX_HEADS)] = []
    employment: Literal["PNS", "PPPK"]
    echelon: Literal["II", "III", "IV"] | None = None
    email: Text | None = None
    phone: Text | None = None
    remote_places: Annotated[list[Place], Field(max_length=MAX_PLACES)] = []
    active: Truth = True
    skills: Annotated[list[Code], Field(max_length=MAX_SKILLS)] = []
    """What a person can do at a counter, in codes of the city's own, in lower case."""


class Requirement(Part):
    """How many people a service point needs at its counter, and when."""

    effective_from: Date
    weekdays: Annotated[list[Weekday], Field(max_length=MAX_WEEKDAYS)]
    opens: LocalTime
    closes: EndTime
    min_staff: Staff
    on_holidays: Truth = False


class UnitChanged(Event):
    topic = "directory.unit.v1"
    key_field = "unit_id"
    owner = "scheduling"
    audience = "public"
    fact = ("unit_id",)
    readers = ("attendance", "reporting", "notifications")
    description = "The whole of one unit: its places and, for a service point, requirements and objective."
    trigger = "An import, or officers who change opening hours, change the unit."
    example = {
        "unit_id": "4.01-LOKET",
        "revision": 2,
        "opd_code": "4.01",
        "opd_name": "Dinas Contoh",
        "name": "Loket Contoh",
        "is_service_point": True,
        "places": [{"lat": -6.2349, "lon": 106.9896, "radius_m": 100}],
        "requirements": [
            {
                "effective_from": "2025-11-01",
                "weekdays": [0, 1, 2, 3, 4],
                "opens": "08:00",
                "closes": "15:00",
                "min_staff": 2,
            }
        ],
        "slo": 0.99,
    }

    unit_id: UnitId
    revision: Revision
    opd_code: OpdCode
    opd_name: Name
    name: Name
    is_service_point: Truth
    places: Annotated[list[Place], Field(max_length=MAX_PLACES)] = []
    requirements: Annotated[list[Requirement], Field(max_length=MAX_REQUIREMENTS)] = []
    slo: Share = 0.99


class RulesChanged(Event):
    topic = "rules.changed.v1"
    key_field = "rules_version"
    owner = "scheduling"
    audience = "public"
    fact = ("rules_version",)
    readers = ("attendance", "reporting", "notifications")
    description = "One version of the rules of judgement. The content of a version never changes."
    trigger = "An officer of BKPSDM makes a version of the rules."
    example = {
        "rules_version": "2025-11",
        "effective_from": "2025-11-01",
        "tolerance_minutes": 10,
        "report_modes": ["WFO", "WFH"],
        "report_cutoff": "20:00",
        "review_sla_working_days": 3,
    }

    rules_version: Code
    effective_from: Date
    tolerance_minutes: Count
    report_modes: Annotated[list[Mode], Field(max_length=MAX_MODES)]
    report_cutoff: LocalTime
    review_sla_working_days: Count


class Holiday(Part):
    date: Date
    kind: Literal["national", "collective_leave"]
    name: Name


class CalendarChanged(Event):
    topic = "calendar.changed.v1"
    key_field = "year"
    owner = "scheduling"
    audience = "public"
    fact = ("year",)
    readers = ("attendance", "reporting", "notifications")
    description = "All holidays of one year."
    trigger = "An import changes the holidays of the year."
    example = {
        "year": 2025,
        "revision": 1,
        "holidays": [{"date": "2025-12-25", "kind": "national", "name": "Hari Raya Natal"}],
    }

    year: Year
    revision: Revision
    holidays: Annotated[list[Holiday], Field(max_length=MAX_HOLIDAYS)]


class ScheduleChanged(Event):
    topic = "schedule.changed.v1"
    key_field = "employee_id"
    owner = "scheduling"
    audience = "internal"
    fact = ("employee_id", "work_date")
    readers = ("attendance", "reporting", "notifications")
    description = (
        "The plan of one employee for one work date. starts_at and ends_at are null unless the mode is "
        "WFO or WFH. reason is a code, never a health reason."
    )
    trigger = "A roster is published, or a plan changes afterwards: leave, a swap, a move, other opening hours."
    partitions = 6
    example = {
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "opd_code": "4.01",
        "unit_id": "4.01-LOKET",
        "work_date": "2025-11-06",
        "revision": 1,
        "mode": "WFH",
        "starts_at": "2025-11-06T07:30:00+07:00",
        "ends_at": "2025-11-06T16:00:00+07:00",
        "policy_version": "kamis-1",
    }

    employee_id: UUID
    opd_code: OpdCode
    unit_id: UnitId
    work_date: WorkDate
    revision: Revision
    mode: Mode
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    policy_version: Code | None = None
    reason: Code | None = None

    @model_validator(mode="after")
    def _hours(self) -> Self:
        starts_at, ends_at = self.starts_at, self.ends_at
        if self.mode in ("WFO", "WFH"):
            if starts_at is None or ends_at is None:
                raise ValueError("a plan of mode WFO or WFH has starts_at and ends_at")
            if not _NOTHING <= ends_at - starts_at <= LONGEST_PLAN:
                raise ValueError("a plan ends at or after its start, at most 48 hours later")
            # Most say so in so many words; the others are counted out. A plan is read once for each record.
            plain = starts_at.date() == self.work_date and starts_at.utcoffset() == _OFFSET
            if not plain and not _starts_near(self.work_date, starts_at):
                raise ValueError("a plan starts within a day of its work date")
        elif starts_at is not None or ends_at is not None:
            raise ValueError("starts_at and ends_at are null unless the mode is WFO or WFH")
        return self


class AbsenceDecided(Event):
    topic = "absence.decided.v1"
    key_field = "employee_id"
    owner = "scheduling"
    audience = "internal"
    fact = ("request_id", "employee_id")
    readers = ("notifications",)
    description = (
        "What became of a person's request for other plans: an absence, a change of one, or days swapped with a "
        "colleague, of which each of the two gets one. kind says no more than that: never which leave, never why."
    )
    trigger = "An officer grants a request or refuses it; a swap may also be refused by one of the two."
    partitions = 6
    example = {
        "request_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "kind": "absence",
        "work_date": "2025-11-10",
        "last_date": "2025-11-11",
        "state": "granted",
        "decided_at": "2025-11-06T09:15:00+07:00",
        "revision": 1,
    }

    request_id: UUID
    employee_id: UUID
    """Who asked, or whose day is swapped."""
    kind: Code
    work_date: WorkDate | None = None
    """The first day that the request is about."""
    last_date: WorkDate | None = None
    """The last one, of an absence; the other one, of a swap."""
    state: Literal["granted", "refused"]
    decided_at: Instant
    revision: Revision
