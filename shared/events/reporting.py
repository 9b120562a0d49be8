"""Events of the reporting service: work reports, their reviews, and the changes of its two projections."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shared.events.base import (
    MAX_ITEMS,
    MAX_REVISION,
    MAX_SCOPE,
    UUID,
    Code,
    Count,
    Duty,
    Event,
    Instant,
    Mode,
    Name,
    OpdCode,
    Part,
    Quantity,
    Revision,
    State,
    Text,
    Truth,
    UnitId,
    WorkDate,
    whole,
)


class ReportItem(Part):
    """One piece of measured output: what, how much, in which unit, and how long one takes by the norm.

    task_code: of the city's catalogue, from which name, unit and norm are taken; null for free text, which has no
    norm. target: the line of the person's yearly targets (SKP) that it serves.
    """

    item_id: Code
    task: Text
    quantity: Quantity
    unit: Text
    norm_minutes: Quantity | None = None
    evidence_count: Count = 0
    task_code: Code | None = None
    target: Code | None = None


class ReportSubmitted(Event):
    topic = "report.submitted.v1"
    key_field = "employee_id"
    owner = "reporting"
    audience = "internal"
    fact = ("report_id", "revision")
    readers = ("reporting", "notifications")
    description = "One revision of the work report of one employee for one work date."
    trigger = "A person hands in a work report, or hands it in again."
    partitions = 6
    example = {
        "report_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "opd_code": "4.01",
        "work_date": "2025-11-06",
        "revision": 1,
        "submitted_at": "2025-11-06T15:45:00+07:00",
        "items": [
            {"item_id": "1", "task": "Verifikasi berkas", "quantity": 12, "unit": "berkas", "norm_minutes": 15}
        ],
        "mode": "WFH",
    }

    report_id: UUID
    employee_id: UUID
    opd_code: OpdCode
    work_date: WorkDate
    revision: Revision
    submitted_at: Instant
    items: Annotated[list[ReportItem], Field(max_length=MAX_ITEMS)]
    mode: Mode | None = None
    """The mode of the day's plan as it was known; null where no plan was."""


class ReviewedItem(Part):
    item_id: Code
    accepted_quantity: Quantity


class ReportReviewed(Event):
    topic = "report.reviewed.v1"
    key_field = "employee_id"
    owner = "reporting"
    audience = "internal"
    fact = ("report_id", "report_revision", "revision")
    readers = ("reporting", "notifications")
    description = "The supervisor's decision on one revision of a report."
    trigger = "The supervisor or the acting deputy accepts a report or returns it, or decides again."
    partitions = 6
    example = {
        "report_id": "0193a5b0-11d2-7c3e-8f40-5d2a9c7b1e01",
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "work_date": "2025-11-06",
        "report_revision": 1,
        "revision": 1,
        "reviewed_at": "2025-11-07T08:30:00+07:00",
        "reviewer_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f2e10",
        "decision": "accepted",
        "items": [{"item_id": "1", "accepted_quantity": 12}],
    }

    report_id: UUID
    employee_id: UUID
    work_date: WorkDate
    report_revision: Revision
    revision: Revision
    reviewed_at: Instant
    reviewer_id: UUID
    decision: Literal["accepted", "returned"]
    items: Annotated[list[ReviewedItem], Field(max_length=MAX_ITEMS)] = []


class ComplianceChanged(Event):
    topic = "compliance.changed.v1"
    key_field = "employee_id"
    owner = "reporting"
    audience = "internal"
    fact = ("employee_id", "work_date", "duty")
    readers = ("notifications",)
    description = "One duty of one person-day left `pending`, or changed after that."
    trigger = "A fact or the passing of time changes the verdict; a clock of the service looks every second."
    partitions = 6
    example = {
        "employee_id": "0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        "opd_code": "4.01",
        "work_date": "2025-11-06",
        "duty": "on_time",
        "revision": 1,
        "state": "met",
        "previous": "pending",
        "as_of": "2025-11-06T07:25:01+07:00",
        "rules_version": "2025-11",
    }

    employee_id: UUID
    opd_code: OpdCode
    work_date: WorkDate
    duty: Duty
    revision: Revision
    state: State
    previous: State
    as_of: Instant
    rules_version: Code | None = None


class CoverageChanged(Event):
    topic = "coverage.changed.v1"
    key_field = "unit_id"
    owner = "reporting"
    audience = "public"
    fact = ("unit_id",)
    readers = ("notifications",)
    description = "A service point's counter became met, short, unknown or closed."
    trigger = "A fact changes the counter, and is told at once; or time does, and a clock looks every second."
    example = {
        "unit_id": "4.01-LOKET",
        "opd_code": "4.01",
        "revision": 7,
        "status": "short",
        "previous": "met",
        "as_of": "2025-11-06T10:12:00+07:00",
        "required": 2,
        "present_low": 1,
        "present_high": 1,
    }

    unit_id: UnitId
    opd_code: OpdCode
    revision: Revision
    status: Literal["met", "short", "unknown", "closed"]
    previous: Literal["met", "short", "unknown", "closed"]
    as_of: Instant
    required: Count
    present_low: Count
    present_high: Count


class WorkDates(Part):
    """Work dates from one to another, both included."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    first: Annotated[WorkDate, Field(alias="from")]
    last: Annotated[WorkDate, Field(alias="to")]


class PilotRegistered(Event):
    """Names no officer: who registered it is in the audit log of the service.

    protocol_sha256: of the RFC 8785 form of the fields from pilot_id to seed, and of no other.
    """

    topic = "pilot.registered.v1"
    key_field = "pilot_id"
    owner = "reporting"
    audience = "public"
    fact = ("pilot_id",)
    description = "A pilot's question, arms, margin and dates, fixed before its trial; or an amendment of them."
    trigger = "BKPSDM registers a pilot, or changes one."
    example = {
        "pilot_id": "kamis-2025",
        "revision": 1,
        "title": "Kamis dari rumah",
        "question": "Apakah loket tetap terlayani?",
        "metric": "coverage_attainment",
        "better": "higher",
        "margin": 0.02,
        "count_by": "opd",
        "treated": ["4.01", "4.02", "4.03", "4.04", "4.05"],
        "control": ["5.01", "5.02", "5.03", "5.04", "5.05"],
        "baseline": {"from": "2025-10-01", "to": "2025-10-31"},
        "trial": {"from": "2025-11-06", "to": "2025-12-31"},
        "available_minutes": 300,
        "seed": 7,
        "protocol_sha256": "da9bee58bc6e7ec4f6f9e8aa286c4315720cf6cd35311080ccd7c0d25e29b047",
        "amended_after_start": False,
        "registered_at": "2025-10-30T09:00:00+07:00",
    }

    pilot_id: Code
    revision: Revision
    title: Name
    question: Text
    metric: Code
    better: Literal["higher", "lower"]
    margin: Quantity
    count_by: Literal["opd", "people"]
    treated: Annotated[list[OpdCode], Field(max_length=MAX_SCOPE)]
    control: Annotated[list[OpdCode], Field(max_length=MAX_SCOPE)]
    baseline: WorkDates | None
    trial: WorkDates
    available_minutes: Count
    seed: Annotated[int, whole(0, 2**53 - 1)]
    protocol_sha256: Code
    amended_after_start: Truth
    registered_at: Instant


BudgetWindow = Literal["day", "week", "month"]


class CoverageBudget(Event):
    topic = "coverage.budget.v1"
    key_field = "unit_id"
    owner = "reporting"
    audience = "public"
    fact = ("unit_id", "window")
    readers = ("scheduling", "notifications")
    description = "A service point burns its error budget too fast, has spent it, or does so no longer."
    trigger = "A fact or the passing of opening time takes a window of the budget over its threshold, or back."
    example = {
        "unit_id": "4.01-LOKET",
        "opd_code": "4.01",
        "window": "day",
        "revision": 1,
        "status": "burning",
        "burn_rate": 14.6,
        "spent_minutes": 22,
        "budget_minutes": 92.4,
        "as_of": "2025-11-06T10:34:00+07:00",
    }

    unit_id: UnitId
    opd_code: OpdCode
    window: BudgetWindow
    """What is looked at; each has revisions of its own. docs/rules.md#coverage says how long they are."""
    revision: Revision
    status: Literal["burning", "spent", "recovered"]
    """`burning` of a day or a week, `spent` of a month."""
    burn_rate: Quantity | None = None
    """1 spends exactly the budget; null where there is none to spend, for nothing may ever be short."""
    spent_minutes: Quantity
    budget_minutes: Quantity
    as_of: Instant


class CoverageForecast(Event):
    topic = "coverage.forecast.v1"
    key_field = "unit_id"
    owner = "reporting"
    audience = "public"
    fact = ("unit_id",)
    readers = ("notifications",)
    description = (
        "A service point will fall short within twenty minutes unless somebody comes, or will not any more."
    )
    trigger = (
        "A plan, an absence, a check-in or the passing of time changes how many are expected at the counter; a "
        "clock of the service looks every fifteen seconds. Nothing is said while it is short, or in an outage."
    )
    example = {
        "unit_id": "4.01-LOKET",
        "opd_code": "4.01",
        "revision": 4,
        "status": "will_fall_short",
        "at": "2025-11-06T11:30:00+07:00",
        "starts_at": "2025-11-06T11:30:00+07:00",
        "ends_at": "2025-11-06T13:00:00+07:00",
        "required": 2,
        "expected": 1,
        "as_of": "2025-11-06T11:12:00+07:00",
    }

    unit_id: UnitId
    opd_code: OpdCode
    revision: Revision
    status: Literal["will_fall_short", "holds"]
    at: Instant
    """The instant of `required` and `expected`: the first of the shortage; of `holds` the last looked at."""
    starts_at: Instant | None = None
    """Of the shortage; null where there is none."""
    ends_at: Instant | None = None
    """Of the shortage, as far as plans and opening hours tell; null where they do not, or there is none."""
    required: Count
    expected: Count
    """Who is there, and who is planned and not late yet."""
    as_of: Instant


_ORIGIN = "hadir.example.go.id/coverage.changed.v1/0"
_ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
_SIGNATURE = "Hy49TA" + 85 * "A" + "="
"""Of the example: one of 64 zeros, by no key."""


class LogCheckpoint(Event):
    topic = "log.checkpoint.v1"
    key_field = "log"
    owner = "reporting"
    audience = "public"
    fact = ("log", "size")
    description = (
        "What the first `size` records of one partition were, signed: a C2SP checkpoint of its Merkle tree."
    )
    trigger = "An hour has begun, and records have come since the checkpoint before."
    example = {
        "log": "coverage.changed.v1/0",
        "origin": _ORIGIN,
        "size": 1042,
        "root_hash": _ROOT,
        "signature": _SIGNATURE,
        "checkpoint": f"{_ORIGIN}\n1042\n{_ROOT}\n\n\u2014 {_ORIGIN} {_SIGNATURE}\n",
    }

    log: Code
    """`topic/partition`."""
    origin: Name
    size: Annotated[int, whole(0, MAX_REVISION)]
    """Records, from the first one on; not an offset."""
    root_hash: Code
    """Of the tree over them (RFC 9162, SHA-256), in base64."""
    signature: Name
    """The key's hash and its Ed25519 signature, in base64."""
    checkpoint: Text
    """The whole signed note, from which the other fields are taken."""
