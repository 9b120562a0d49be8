"""The command side: the present state of each work report.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table work_report (
        report_id uuid primary key, employee_id uuid not null, work_date date not null, opd_code text not null,
        revision bigint not null check (revision >= 1), submitted_at timestamptz not null,
        items jsonb not null, reviews bigint not null check (reviews >= 0), review jsonb,
        unique (employee_id, work_date),
        constraint a_review_is_counted check (review is null or (review->>'revision')::bigint = reviews)
    )
    """,
    # What waits for a review is a small part of all reports, and asked for all day.
    "create index work_report_waiting on work_report (employee_id) where review is null",
    "create index fact_employee_supervisor on fact_employee (supervisor_id) where supervisor_id is not null",
    "create index fact_employee_acting on fact_employee (acting_supervisor_id) "
    "where acting_supervisor_id is not null",
    # Who is to be at a counter: asked for a few counters at a time, after each check-in there.
    "create index fact_plan_at_counter on fact_plan (unit_id, work_date) where mode = 'WFO'",
)


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    for statement in STATEMENTS:
        execute(statement)


def downgrade() -> None:
    op.drop_index("fact_plan_at_counter")
    op.drop_index("fact_employee_acting")
    op.drop_index("fact_employee_supervisor")
    op.drop_table("work_report")
