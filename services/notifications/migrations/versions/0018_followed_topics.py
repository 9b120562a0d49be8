"""Which topics subscriptions follow by webhook, and how far each has come.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table followed_topic (
            subscription_id uuid not null references subscription on delete cascade,
            topic text not null,
            has bigint[] not null,
            sending bigint[],
            attempts integer not null default 0,
            due_at timestamptz not null,
            error text,
            primary key (subscription_id, topic)
        )
        """
    )


def downgrade() -> None:
    op.execute("drop table followed_topic")
