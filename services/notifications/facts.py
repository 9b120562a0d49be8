"""What notifications keeps of what it hears: the newest of each fact key."""

from shared.facts import FactTable

RECIPIENT = FactTable(
    "recipient",
    ("employee_id",),
    {
        "employee_id": "uuid",
        "opd_code": "text",
        "unit_id": "text",
        "supervisor_id": "uuid",
        "acting_supervisor_id": "uuid",
        "heads": "jsonb",
        "active": "boolean",
    },
)
UNIT = FactTable("unit", ("unit_id",), {"unit_id": "text", "opd_code": "text", "name": "text"})
PLAN = FactTable(
    "plan",
    ("employee_id", "work_date"),
    {
        "employee_id": "uuid",
        "work_date": "date",
        "opd_code": "text",
        "unit_id": "text",
        "mode": "text",
        "starts_at": "timestamptz",
        "ends_at": "timestamptz",
    },
)
REVIEW = FactTable(
    "review",
    ("report_id", "report_revision"),
    {"report_id": "uuid", "report_revision": "bigint", "work_date": "date", "content": "text"},
)
DUTY_STATE = FactTable(
    "duty_state",
    ("employee_id", "work_date", "duty"),
    {"employee_id": "uuid", "work_date": "date", "duty": "text", "state": "text"},
)
COUNTER = FactTable(
    "counter",
    ("unit_id",),
    {
        "unit_id": "text",
        "opd_code": "text",
        "status": "text",
        "required": "bigint",
        "present_low": "bigint",
        "as_of": "timestamptz",
        "alert": "uuid",
        "heard_at": "timestamptz",
    },
)
OUTAGE = FactTable(
    "outage",
    ("outage_id",),
    {
        "outage_id": "uuid",
        "scope": "jsonb",
        "starts_at": "timestamptz",
        "ends_at": "timestamptz",
        "reason": "text",
        "revoked": "boolean",
        "heard_at": "timestamptz",
    },
)
