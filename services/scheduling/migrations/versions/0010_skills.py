"""What people can do at a counter.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table employee add column skills text[] not null default '{}'")


def downgrade() -> None:
    op.execute("alter table employee drop column skills")
