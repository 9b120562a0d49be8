"""Browsers that are pushed to; who follows an inbox hears of it.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table push_device (
        device_id uuid primary key,
        employee_id uuid not null,
        endpoint text not null,
        p256dh bytea not null,
        auth bytea not null,
        vapid_key text not null,
        label text not null,
        since timestamptz not null,
        constraint push_device_endpoint unique (endpoint)
    )
    """,
    "create index push_device_person on push_device (employee_id)",
    # Messages of before count as written long ago; the default is for those to come, and no row is written anew.
    "alter table message add column written_in bigint not null default 0",
    "alter table message alter column written_in set default pg_current_xact_id()::text::bigint",
    """
    create function message_written() returns trigger language plpgsql as $$
    begin
        new.written_in := pg_current_xact_id()::text::bigint;
        return new;
    end $$
    """,
    "create trigger message_written before update on message for each row execute function message_written()",
    # A payload has fewer than 8,000 bytes: 200 ids of 37 each.
    """
    create function message_told() returns trigger language plpgsql as $$
    begin
        perform pg_notify('inbox', string_agg(employee_id::text, ','))
        from (
            select employee_id, row_number() over () / 200 as part
            from (select distinct employee_id from written where status = 'delivered') as people
        ) as numbered
        group by part;
        return null;
    end $$
    """,
    """
    create trigger message_told after insert on message
    referencing new table as written for each statement execute function message_told()
    """,
    """
    create trigger message_told_again after update on message
    referencing new table as written for each statement execute function message_told()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop trigger message_told_again on message")
    op.execute("drop trigger message_told on message")
    op.execute("drop function message_told()")
    op.execute("drop trigger message_written on message")
    op.execute("drop function message_written()")
    op.execute("alter table message drop column written_in")
    op.execute("drop table push_device")
