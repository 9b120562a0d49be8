"""The first tables of attendance. Migrations only go forward: expand first, contract a release later."""

from alembic import op

from shared.outbox import create_table

revision = "0001"
down_revision = None

# One statement each: the driver prepares them, and a prepared statement is one statement.
STATEMENTS = (
    """
    create table punch (
        punch_id uuid primary key,
        employee_id uuid not null,
        opd_code text not null,
        unit_id text not null,
        work_date date not null,
        kind text not null check (kind in ('in', 'out')),
        at timestamptz not null,
        received_at timestamptz not null,
        device_at timestamptz,
        zone text not null check (zone in ('office', 'remote', 'elsewhere', 'uncertain', 'unknown')),
        source text not null check (source in ('app', 'offline', 'terminal', 'manual')),
        flags text[] not null,
        lat double precision check (lat between -90 and 90),
        lon double precision check (lon between -180 and 180),
        accuracy_m double precision check (accuracy_m >= 0),
        constraint punch_at_not_after_receipt check (at <= received_at),
        constraint punch_position_whole check (num_nulls(lat, lon, accuracy_m) in (0, 3))
    )
    """,
    """
    create index punch_of_employee on punch (employee_id, work_date)
    """,
    """
    create table void (
        punch_id uuid primary key references punch,
        employee_id uuid not null,
        work_date date not null,
        voided_at timestamptz not null,
        voided_by text not null,
        reason text not null
    )
    """,
    """
    create table outage (
        outage_id uuid primary key,
        revision bigint not null,
        scope jsonb not null,
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        reason text not null,
        declared_by text not null,
        revoked boolean not null,
        constraint outage_ends_after_start check (starts_at < ends_at)
    )
    """,
    """
    create index outage_by_start on outage (starts_at, outage_id)
    """,
    """
    create table audit (
        id bigint generated always as identity primary key,
        at timestamptz not null,
        actor text not null,
        role text not null,
        action text not null,
        subject text not null,
        reason text not null,
        details jsonb not null
    )
    """,
    """
    create function audit_is_append_only() returns trigger language plpgsql as
        $$begin raise exception 'the audit log is append only'; end$$
    """,
    """
    create trigger audit_is_append_only before update or delete or truncate on audit
        execute function audit_is_append_only()
    """,
    """
    create table employee_fact (
        employee_id uuid primary key,
        opd_code text,
        unit_id text,
        supervisor_id uuid,
        acting_supervisor_id uuid,
        heads jsonb not null,
        remote_places jsonb not null,
        active boolean not null,
        revision bigint not null,
        ce_id uuid not null
    )
    """,
    """
    create table unit_fact (
        unit_id text primary key,
        opd_code text not null,
        places jsonb not null,
        revision bigint not null,
        ce_id uuid not null
    )
    """,
    """
    create table plan_fact (
        employee_id uuid not null,
        work_date date not null,
        opd_code text not null,
        unit_id text not null,
        starts_at timestamptz,
        ends_at timestamptz,
        revision bigint not null,
        ce_id uuid not null,
        primary key (employee_id, work_date)
    )
    """,
)


def upgrade() -> None:
    create_table(op)
    for statement in STATEMENTS:
        op.execute(statement)
