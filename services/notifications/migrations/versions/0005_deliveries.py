"""A queue for each way out of the house, and those outside who want to hear.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table delivery (
        delivery_id uuid primary key,
        place bigint generated always as identity,
        notification_id uuid not null,
        way text not null,
        recipient uuid not null,
        kind text not null,
        cause_event_id uuid not null,
        urgent boolean not null,
        state text not null default 'waiting',
        attempts integer not null default 0,
        due_at timestamptz not null,
        lease_until timestamptz,
        reached text[] not null default '{}',
        error text,
        created_at timestamptz not null default clock_timestamp(),
        ended_at timestamptz,
        constraint delivery_way check (way in ('email', 'push', 'webhook', 'gateway')),
        constraint delivery_state check (state in ('waiting', 'sending', 'delivered', 'dead'))
    ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """,
    "create index delivery_open on delivery (way, recipient, place) where state in ('waiting', 'sending')",
    "create index delivery_due on delivery (way, due_at) where state in ('waiting', 'sending')",
    "create index delivery_dead on delivery (place) where state = 'dead'",
    "create index delivery_message on delivery (notification_id)",
    "create index delivery_ended on delivery (ended_at) where ended_at is not null",
    """
    create table subscription (
        subscription_id uuid primary key,
        way text not null,
        address text not null,
        kinds text[] not null,
        opd_codes text[],
        description text not null,
        language text not null,
        active boolean not null,
        created_by uuid not null,
        created_at timestamptz not null,
        constraint subscription_way check (way in ('email', 'webhook'))
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table subscription")
    op.execute("drop table delivery")
