"""The error budgets of service points: which are to be looked at, and what was said of them.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "create table budget_due (unit_id text primary key, due_at timestamptz not null)",
    "create index budget_due_by_time on budget_due (due_at)",
    "insert into budget_due select unit_id, '-infinity' from fact_unit where is_service_point",
    """
    create table published_budget (
        unit_id text not null, of_window text not null, opd_code text not null, status text not null,
        since timestamptz not null, burn_rate double precision, spent_minutes double precision not null,
        budget_minutes double precision not null, revision bigint not null,
        primary key (unit_id, of_window)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("published_budget")
    op.drop_table("budget_due")
