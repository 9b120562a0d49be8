"""First tables: what is heard, what people were told, what they asked for, the outbox."""

from alembic import op

from shared.outbox import create_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table recipient (
        employee_id uuid primary key,
        opd_code text,
        unit_id text,
        supervisor_id uuid,
        acting_supervisor_id uuid,
        heads jsonb not null,
        active boolean not null,
        revision bigint not null,
        ce_id uuid not null
    )
    """,
    "create index recipient_unit on recipient (unit_id)",
    "create index recipient_opd on recipient (opd_code)",
    "create index recipient_heads on recipient using gin (heads)",
    """
    create table unit (
        unit_id text primary key,
        opd_code text not null,
        name text not null,
        revision bigint not null,
        ce_id uuid not null
    )
    """,
    """
    create table plan (
        employee_id uuid,
        work_date date,
        opd_code text not null,
        unit_id text not null,
        mode text not null,
        starts_at timestamptz,
        ends_at timestamptz,
        revision bigint not null,
        ce_id uuid not null,
        primary key (employee_id, work_date)
    )
    """,
    "create index plan_work_date on plan (work_date)",
    """
    create table review (
        report_id uuid,
        report_revision bigint,
        work_date date not null,
        revision bigint not null,
        ce_id uuid not null,
        primary key (report_id, report_revision)
    )
    """,
    "create index review_work_date on review (work_date)",
    """
    create table duty_state (
        employee_id uuid,
        work_date date,
        duty text,
        state text not null,
        revision bigint not null,
        ce_id uuid not null,
        primary key (employee_id, work_date, duty)
    )
    """,
    "create index duty_state_work_date on duty_state (work_date)",
    """
    create table counter (
        unit_id text primary key,
        opd_code text not null,
        status text not null,
        required bigint not null,
        present_low bigint not null,
        as_of timestamptz not null,
        alert uuid,
        heard_at timestamptz not null,
        revision bigint not null,
        ce_id uuid not null
    )
    """,
    """
    create table outage (
        outage_id uuid primary key,
        scope jsonb not null,
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        reason text not null,
        revoked boolean not null,
        heard_at timestamptz not null,
        revision bigint not null,
        ce_id uuid not null
    )
    """,
    """
    create table message (
        notification_id uuid primary key,
        place bigint generated always as identity,
        employee_id uuid not null,
        kind text not null,
        cause_event_id uuid not null,
        subject text,
        params jsonb not null,
        status text not null,
        at timestamptz not null,
        read_at timestamptz,
        constraint message_once_per_cause unique (employee_id, cause_event_id, kind),
        constraint message_status check (status in ('delivered', 'suppressed'))
    )
    """,
    "create index message_inbox on message (employee_id, place) where status = 'delivered'",
    "create index message_unread on message (employee_id) where status = 'delivered' and read_at is null",
    "create index message_subject on message (subject, place) where subject is not null",
    "create index message_at on message (at)",
    """
    create table preference (
        employee_id uuid primary key,
        language text,
        muted_channels jsonb not null,
        muted_kinds jsonb not null
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    create_table(op)


def downgrade() -> None:
    for table in ("outbox", "preference", "message", "outage", "counter", "duty_state", "review", "plan"):
        op.execute(f"drop table {table}")
    op.execute("drop table unit")
    op.execute("drop table recipient")
