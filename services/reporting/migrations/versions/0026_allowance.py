"""Versions of the allowance's rates.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "create table allowance_rates "
        "(rates_version text primary key, effective_from date not null, rates jsonb not null)"
    )


def downgrade() -> None:
    op.drop_table("allowance_rates")
