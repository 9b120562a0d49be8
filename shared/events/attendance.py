"""Events of the attendance service: punches, voids and outages."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.base import (
    MAX_FLAGS,
    UUID,
    Code,
    Event,
    Instant,
    OpdCode,
    PunchKind,
    Revision,
    Scope,
    Text,
    Truth,
    UnitId,
    WorkDate,
    Zone,
)

LONGEST_OUTAGE = dt.timedelta(days=31)


class AttendanceRecorded(Event):
    topic = "attendance.recorded.v1"
    key_field = "employee_id"
    owner = "attendance"
    audience = "internal"
    description = "One recorded check-in or check-out. The position itself is never published, only its zone."
    trigger = (
        "A person checks in or out, an app hands over what it kept offline, or an officer records a punch by hand."
    )
    partitions = 6

    punch_id: UUID
    employee_id: UUID
    opd_code: OpdCode
    unit_id: UnitId
    work_date: WorkDate
    kind: PunchKind
    at: Instant
    received_at: Instant
    device_at: Instant | None = None
    zone: Zone
    source: Literal["app", "offline", "terminal", "manual"]
    flags: Annotated[list[Code], Field(max_length=MAX_FLAGS)] = []
    time_trust: Literal["server", "verified", "unverified"] = "server"


class AttendanceVoided(Event):
    topic = "attendance.voided.v1"
    key_field = "employee_id"
    owner = "attendance"
    audience = "internal"
    description = "A punch that no longer counts, with who said so and why."
    trigger = "An officer voids a punch."

    punch_id: UUID
    employee_id: UUID
    work_date: WorkDate
    voided_at: Instant
    voided_by: Code
    reason: Text


class OutageDeclared(Event):
    topic = "outage.declared.v1"
    key_field = "outage_id"
    owner = "attendance"
    audience = "public"
    description = "An interval in which the city's own systems failed. declared_by is an office, not a person."
    trigger = "An officer declares an outage, changes it or revokes it."

    outage_id: UUID
    revision: Revision
    scope: Scope
    starts_at: Instant
    ends_at: Instant
    reason: Text
    declared_by: OpdCode
    revoked: Truth = False

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not dt.timedelta(0) <= self.ends_at - self.starts_at <= LONGEST_OUTAGE:
            raise ValueError("an outage ends at or after its start, at most 31 days later")
        return self


class CorrectionDecided(Event):
    topic = "correction.decided.v1"
    key_field = "employee_id"
    owner = "attendance"
    audience = "internal"
    description = (
        "What became of a person's request for a correction of their own record. No reason is published: it is "
        "read where the request is."
    )
    trigger = "An officer grants a request, or refuses it."
    partitions = 6

    request_id: UUID
    employee_id: UUID
    """Who asked."""
    kind: Code
    work_date: WorkDate | None = None
    """The day that the request is about."""
    state: Literal["granted", "refused"]
    decided_at: Instant
    revision: Revision
