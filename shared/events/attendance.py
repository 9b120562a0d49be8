"""Events of the attendance service: punches, voids and outages."""

import datetime as dt
from typing import Literal
from uuid import UUID

from shared.events.base import (
    Event,
    Instant,
    OpdCode,
    PunchKind,
    Revision,
    Scope,
    UnitId,
    Zone,
)


class AttendanceRecorded(Event):
    topic = "attendance.recorded.v1"
    key_field = "employee_id"
    description = "One recorded check-in or check-out. The position itself is never published, only its zone."

    punch_id: UUID
    employee_id: UUID
    opd_code: OpdCode
    unit_id: UnitId
    work_date: dt.date
    kind: PunchKind
    at: Instant
    received_at: Instant
    device_at: Instant | None = None
    zone: Zone
    source: Literal["app", "offline", "terminal", "manual"]
    flags: list[str] = []
    time_trust: Literal["server", "verified", "unverified"] = "server"


class AttendanceVoided(Event):
    topic = "attendance.voided.v1"
    key_field = "employee_id"
    description = "A punch that no longer counts, with who said so and why."

    punch_id: UUID
    employee_id: UUID
    work_date: dt.date
    voided_at: Instant
    voided_by: str
    reason: str


class OutageDeclared(Event):
    topic = "outage.declared.v1"
    key_field = "outage_id"
    description = "An interval in which the city's own systems failed. declared_by is an office, not a person."

    outage_id: UUID
    revision: Revision
    scope: Scope
    starts_at: Instant
    ends_at: Instant
    reason: str
    declared_by: OpdCode
    revoked: bool = False
