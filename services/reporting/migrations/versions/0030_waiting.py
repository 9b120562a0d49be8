"""Since when what is touched waits, and when the check-ins among it were accepted; traces under way.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

from shared import under_way

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "alter table touched add noted_at timestamptz not null default clock_timestamp(), "
        "add checked_in_at timestamptz"
    )
    op.execute("alter table touched_counter add noted_at timestamptz not null default clock_timestamp()")
    under_way.create_table(op)


def downgrade() -> None:
    op.execute("drop table trace_under_way")
    op.execute("alter table touched drop noted_at, drop checked_in_at")
    op.execute("alter table touched_counter drop noted_at")
