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
    fact = ("punch_id",)
    readers = ("reporting",)
    description = "One recorded check-in or check-out. The position itself is never published, only its zone."
    trigger = (
        "A person checks in or out, an app hands over what it kept offline, or an officer records a punch by hand."
    )
    partitions = 6
    example = {
        "punch_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "opd_code": "4.01",
        "unit_id": "4.01-LOKET",
        "work_date": "2025-11-06",
        "kind": "in",
        "at": "2025-11-06T07:25:00+07:00",
        "received_at": "2025-11-06T07:25:00+07:00",
        "zone": "office",
        "source": "app",
    }

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
    fact = ("punch_id",)
    readers = ("reporting",)
    description = "A punch that no longer counts, with who said so and why."
    trigger = "An officer voids a punch."
    example = {
        "punch_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "work_date": "2025-11-06",
        "voided_at": "2025-11-06T10:00:00+07:00",
        "voided_by": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f2e10",
        "reason": "Tercatat dua kali.",
    }

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
    fact = ("outage_id",)
    readers = ("reporting", "notifications")
    description = "An interval in which the city's own systems failed. declared_by is an office, not a person."
    trigger = "An officer declares an outage, changes it or revokes it."
    example = {
        "outage_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "revision": 1,
        "scope": {"opd_codes": ["4.01"]},
        "starts_at": "2025-11-06T07:10:00+07:00",
        "ends_at": "2025-11-06T07:20:00+07:00",
        "reason": "Jaringan kota putus.",
        "declared_by": "5.03",
    }

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
    fact = ("request_id",)
    readers = ("notifications",)
    description = (
        "What became of a person's request for a correction of their own record. No reason is published: it is "
        "read where the request is."
    )
    trigger = "An officer grants a request, or refuses it."
    partitions = 6
    example = {
        "request_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "kind": "missing_out",
        "work_date": "2025-11-05",
        "state": "granted",
        "decided_at": "2025-11-06T09:15:00+07:00",
        "revision": 1,
    }

    request_id: UUID
    employee_id: UUID
    """Who asked."""
    kind: Code
    work_date: WorkDate | None = None
    """The day that the request is about."""
    state: Literal["granted", "refused"]
    decided_at: Instant
    revision: Revision
