"""Terminals at the door, the numbers of people at them, and the lines that are no punch yet."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table terminal (
        serial text primary key check (serial ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'),
        name text not null,
        unit_id text not null,
        enabled boolean not null,
        utc_offset_minutes integer not null check (utc_offset_minutes between -720 and 840),
        keys text not null check (keys in ('pressed', 'first_last')),
        states jsonb not null,
        commissioned_at timestamptz not null,
        networks text[] not null,
        key_digest text,
        seen_at timestamptz,
        contact_since timestamptz,
        address text,
        compared_at timestamptz,
        ahead interval not null,
        wrong_until timestamptz,
        attendance_stamp text,
        operation_stamp text
    )
    """,
    """
    create table terminal_pin (
        pin text check (pin ~ '^[0-9]{1,24}$'),
        serial text,
        employee_id uuid not null,
        primary key (pin, serial)
    )
    """,
    """
    create table terminal_line (
        line_id uuid primary key,
        serial text not null references terminal,
        received_at timestamptz not null,
        raw text not null,
        pin text,
        local timestamp,
        state text,
        by_hand boolean not null,
        reason text not null
    )
    """,
    "create index terminal_line_of on terminal_line (serial, received_at, line_id)",
    """
    create table strange_terminal (
        serial text primary key,
        why text not null,
        address text not null,
        first_at timestamptz not null,
        last_at timestamptz not null
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
