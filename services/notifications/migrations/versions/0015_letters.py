"""When offices are asked whether they want letters.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        alter table subscription
            add column asked_address text,
            add column asked boolean not null default false,
            add column asks integer not null default 0,
            add column ask_at timestamptz
        """
    )


def downgrade() -> None:
    op.execute(
        """
        alter table subscription drop column asked_address, drop column asked,
            drop column asks, drop column ask_at
        """
    )
