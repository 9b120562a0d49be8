"""What attendance keeps of other services' facts, to judge punches by."""

from shared.facts import FactTable

EMPLOYEES = FactTable(
    "employee_fact",
    ("employee_id",),
    {
        "employee_id": "uuid",
        "opd_code": "text",
        "unit_id": "text",
        "supervisor_id": "uuid",
        "acting_supervisor_id": "uuid",
        "heads": "jsonb",
        "remote_places": "jsonb",
        "active": "boolean",
    },
)
UNITS = FactTable("unit_fact", ("unit_id",), {"unit_id": "text", "opd_code": "text", "places": "jsonb"})
PLANS = FactTable(
    "plan_fact",
    ("employee_id", "work_date"),
    {
        "employee_id": "uuid",
        "work_date": "date",
        "opd_code": "text",
        "unit_id": "text",
        "starts_at": "timestamptz",
        "ends_at": "timestamptz",
    },
)
