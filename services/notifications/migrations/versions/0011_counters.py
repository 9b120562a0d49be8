"""What is foreseen of counters and of their budgets, where they are and whom they need, and calls for help.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

from shared import disowned

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Nobody has had any so far: nothing is to be read again.
    "alter table recipient add column skills jsonb not null default '[]'",
    "alter table recipient alter column skills drop default",
    """
    alter table unit add column places jsonb not null default '[]',
        add column requirements jsonb not null default '[]'
    """,
    "alter table unit alter column places drop default, alter column requirements drop default",
    "create index plan_unit on plan (unit_id, work_date) where mode in ('WFO', 'WFH')",
    """
    create table forecast (
        unit_id text primary key, opd_code text not null, status text not null, at timestamptz not null,
        starts_at timestamptz, ends_at timestamptz, required bigint not null, expected bigint not null,
        as_of timestamptz not null, told uuid, heard_at timestamptz not null,
        revision bigint not null, ce_id uuid not null
    )
    """,
    """
    create table budget (
        unit_id text, of_window text, opd_code text not null, status text not null, burn_rate double precision,
        spent_minutes double precision not null, budget_minutes double precision not null,
        as_of timestamptz not null, told uuid, revision bigint not null, ce_id uuid not null,
        primary key (unit_id, of_window)
    )
    """,
    """
    create table call (
        call_id uuid primary key, cause_event_id uuid not null, unit_id text not null, employee_id uuid not null,
        called_by uuid, called_at timestamptz not null, until timestamptz,
        answer text constraint call_answer check (answer in ('yes', 'no')), answered_at timestamptz,
        constraint call_once_per_alert unique (cause_event_id, employee_id)
    )
    """,
    "create index call_person on call (employee_id, called_at)",
    "create index call_at on call (called_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    disowned.read_again(op, "unit", "directory.unit.v1")


def downgrade() -> None:
    for table in ("call", "budget", "forecast"):
        op.execute(f"drop table {table}")
    op.execute("drop index plan_unit")
    op.execute("alter table unit drop column places, drop column requirements")
    op.execute("alter table recipient drop column skills")
