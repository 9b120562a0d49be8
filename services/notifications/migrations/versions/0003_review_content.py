"""What a review said, so that the same decision said again is told once.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table review add column content text")


def downgrade() -> None:
    op.execute("alter table review drop column content")
