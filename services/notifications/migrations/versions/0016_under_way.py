"""Traces under way, of messages that are to leave the house.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

from shared import under_way

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    under_way.create_table(op)


def downgrade() -> None:
    op.execute("drop table trace_under_way")
