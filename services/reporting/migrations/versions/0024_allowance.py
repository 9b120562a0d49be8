"""Versions of the allowance's rates.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "create table allowance_rates "
        "(rates_version text primary key, effective_from date not null, rates jsonb not null)"
    )


def downgrade() -> None:
    op.drop_table("allowance_rates")
