"""Drafts of reports, what people intend to do, and their targets of a year.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table report_draft (
        employee_id uuid not null, work_date date not null, saved_at timestamptz not null, items jsonb not null,
        primary key (employee_id, work_date)
    )
    """,
    "create index report_draft_by_age on report_draft (saved_at)",
    """
    create table intention (
        employee_id uuid not null, work_date date not null, said_at timestamptz not null, items jsonb not null,
        primary key (employee_id, work_date)
    )
    """,
    """
    create table target (
        employee_id uuid not null, year integer not null, code text not null, title text not null,
        quantity double precision, unit text,
        primary key (employee_id, year, code)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("target", "intention", "report_draft"):
        op.drop_table(table)
