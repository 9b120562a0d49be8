"""What offices that get letters have confirmed, and when they are asked.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        alter table subscription
            add column confirmed_address text,
            add column asked_address text,
            add column asked boolean not null default false,
            add column asks integer not null default 0,
            add column ask_at timestamptz
        """
    )


def downgrade() -> None:
    op.execute(
        """
        alter table subscription drop column confirmed_address, drop column asked_address, drop column asked,
            drop column asks, drop column ask_at
        """
    )
