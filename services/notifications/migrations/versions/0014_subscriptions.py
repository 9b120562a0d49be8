"""Secrets of webhooks; when a subscription was confirmed, and whether its receiver is gone.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "alter table subscription add column confirmed_at timestamptz, "
        "add column gone boolean not null default false"
    )
    op.execute(
        """
        create table webhook_secret (
            secret_id uuid primary key,
            subscription_id uuid not null,
            created_by uuid not null,
            created_at timestamptz not null,
            retired_at timestamptz
        )
        """
    )
    op.execute("create index webhook_secret_subscription on webhook_secret (subscription_id)")


def downgrade() -> None:
    op.execute("drop table webhook_secret")
    op.execute("alter table subscription drop column gone, drop column confirmed_at")
