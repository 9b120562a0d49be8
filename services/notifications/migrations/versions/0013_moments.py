"""What time brings: who owes a report and has sent one, on which days people work, what waits to be told, and what
was; and what became of requests.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FACT = "revision bigint not null, ce_id uuid not null"
DECISION = f"""
    employee_id uuid not null,
    request_id uuid not null,
    state text not null,
    decided_at timestamptz not null,
    {FACT},
    primary key (employee_id, request_id)
"""
STATEMENTS = (
    f"""
    create table duty_rules (
        rules_version text primary key,
        effective_from date not null,
        report_modes jsonb not null,
        report_cutoff text not null,
        {FACT}
    )
    """,
    f"create table calendar (year integer primary key, holidays jsonb not null, {FACT})",
    f"""
    create table report (
        report_id uuid primary key,
        employee_id uuid not null,
        work_date date not null,
        submitted_at timestamptz not null,
        {FACT}
    )
    """,
    "create index report_of_day on report (work_date, employee_id)",
    f"create table correction_decision ({DECISION})",
    f"create table absence_decision ({DECISION})",
    "alter table duty_state add column tell_at timestamptz",
    "create index duty_state_tell_at on duty_state (tell_at) where tell_at is not null",
    "create table moment (kind text, date date, due_at timestamptz, primary key (kind, date, due_at))",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("moment", "absence_decision", "correction_decision", "report", "calendar", "duty_rules"):
        op.execute(f"drop table {table}")
    op.execute("alter table duty_state drop column tell_at")
