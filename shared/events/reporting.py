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
    description = "One revision of the work report of one employee for one work date."
    trigger = "A person hands in a work report, or hands it in again."
    partitions = 6

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
    description = "The supervisor's decision on one revision of a report."
    trigger = "The supervisor or the acting deputy accepts a report or returns it, or decides again."
    partitions = 6

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
    description = "One duty of one person-day left `pending`, or changed after that."
    trigger = "A fact or the passing of time changes the verdict; a clock of the service looks every second."
    partitions = 6

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
    description = "A service point's counter became met, short, unknown or closed."
    trigger = "A fact changes the counter, and is told at once; or time does, and a clock looks every second."

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
    description = "A pilot's question, arms, margin and dates, fixed before its trial; or an amendment of them."
    trigger = "BKPSDM registers a pilot, or changes one."

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
    description = "A service point burns its error budget too fast, has spent it, or does so no longer."
    trigger = "A fact or the passing of opening time takes a window of the budget over its threshold, or back."

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
    description = (
        "A service point will fall short within twenty minutes unless somebody comes, or will not any more."
    )
    trigger = (
        "A plan, an absence, a check-in or the passing of time changes how many are expected at the counter; a "
        "clock of the service looks every fifteen seconds. Nothing is said while it is short, or in an outage."
    )

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


class LogCheckpoint(Event):
    topic = "log.checkpoint.v1"
    key_field = "log"
    owner = "reporting"
    audience = "public"
    description = (
        "What the first `size` records of one partition were, signed: a C2SP checkpoint of its Merkle tree."
    )
    trigger = "An hour has begun, and records have come since the checkpoint before."

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
