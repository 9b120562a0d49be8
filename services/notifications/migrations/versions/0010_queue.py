"""Deliveries in parcels, given up in time; what joined a message; a message's id says that it is there once.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS = (
    "alter table delivery add column parcel uuid",
    "alter table delivery add column give_up_at timestamptz not null default clock_timestamp() + interval '1 day'",
    "alter table delivery alter column give_up_at drop default",
    "alter table delivery drop constraint delivery_state",
    "alter table delivery add constraint delivery_state "
    "check (state in ('waiting', 'sending', 'delivered', 'dead', 'dropped'))",
    "drop index delivery_due",
    "create index delivery_due on delivery (way, urgent, due_at) where state in ('waiting', 'sending')",
    "drop index delivery_open",
    "create index delivery_open on delivery (way, recipient, urgent, place) where state in ('waiting', 'sending')",
    "create index delivery_lately on delivery (recipient, way, ended_at) where state = 'delivered' and not urgent",
    """
    create table joined (
        notice_id uuid primary key,
        notification_id uuid not null references message on delete cascade
    )
    """,
    "create table open_way (way text primary key)",
    "create index joined_message on joined (notification_id)",
    "alter table message drop constraint message_once_per_cause",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "alter table message add constraint message_once_per_cause unique (employee_id, cause_event_id, kind)"
    )
    op.execute("drop table open_way")
    op.execute("drop table joined")
    op.execute("drop index delivery_lately")
    op.execute("drop index delivery_open")
    op.execute(
        "create index delivery_open on delivery (way, recipient, place) where state in ('waiting', 'sending')"
    )
    op.execute("drop index delivery_due")
    op.execute("create index delivery_due on delivery (way, due_at) where state in ('waiting', 'sending')")
    op.execute("update delivery set state = 'dead' where state = 'dropped'")
    op.execute("alter table delivery drop constraint delivery_state")
    op.execute(
        "alter table delivery add constraint delivery_state "
        "check (state in ('waiting', 'sending', 'delivered', 'dead'))"
    )
    op.execute("alter table delivery drop column parcel, drop column give_up_at")
