"""Fact tables, what was last announced, and the outbox. The functions that judge come later.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared import outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create table fact_plan (
    employee_id uuid, work_date date, opd_code text not null, unit_id text not null, mode text not null,
    starts_at timestamptz, ends_at timestamptz, policy_version text, reason text,
    revision bigint not null, ce_id uuid not null,
    primary key (employee_id, work_date));
create index fact_plan_by_date on fact_plan (work_date, employee_id);
-- The few plans that reach past the midnight that ends their work date: coverage looks them up by that.
create index fact_plan_overnight on fact_plan (ends_at, work_date)
    where ends_at > ((work_date + 1)::timestamp at time zone 'Asia/Jakarta');

create table fact_punch (
    punch_id uuid primary key, employee_id uuid not null, work_date date not null, opd_code text not null,
    unit_id text not null, kind text not null, at timestamptz not null, received_at timestamptz not null,
    device_at timestamptz, zone text not null, source text not null, flags jsonb not null,
    revision bigint not null, ce_id uuid not null);
create index fact_punch_by_date on fact_punch (work_date, employee_id);
-- The few punches that lie outside their own work date.
create index fact_punch_overnight on fact_punch (work_date, at)
    where at < (work_date::timestamp at time zone 'Asia/Jakarta')
       or at >= ((work_date + 1)::timestamp at time zone 'Asia/Jakarta');

create table fact_void (
    punch_id uuid primary key, employee_id uuid not null, work_date date not null,
    voided_at timestamptz not null, voided_by text not null, reason text not null,
    revision bigint not null, ce_id uuid not null);

create table fact_outage (
    outage_id uuid primary key, scope jsonb not null, starts_at timestamptz not null,
    ends_at timestamptz not null, reason text not null, declared_by text not null, revoked boolean not null,
    revision bigint not null, ce_id uuid not null);

create table fact_unit (
    unit_id text primary key, opd_code text not null, opd_name text not null, name text not null,
    is_service_point boolean not null, requirements jsonb not null, slo double precision not null,
    revision bigint not null, ce_id uuid not null);

create table fact_employee (
    employee_id uuid primary key, name text, opd_code text, unit_id text, supervisor_id uuid,
    acting_supervisor_id uuid, heads jsonb not null, active boolean not null, erased boolean not null,
    revision bigint not null, ce_id uuid not null,
    constraint erased_means_forgotten check (not erased or (name is null and not active and heads = '[]')));
create index fact_employee_heads on fact_employee using gin (heads) where heads <> '[]';

create table fact_calendar (
    year integer primary key, holidays jsonb not null, revision bigint not null, ce_id uuid not null);

create table fact_rules (
    rules_version text primary key, effective_from date not null, tolerance_minutes integer not null,
    report_modes jsonb not null, report_cutoff text not null, review_sla_working_days integer not null,
    revision bigint not null, ce_id uuid not null);

create table fact_report (
    report_id uuid, report_revision bigint, employee_id uuid not null, work_date date not null,
    opd_code text not null, submitted_at timestamptz not null, items jsonb not null,
    revision bigint not null, ce_id uuid not null,
    primary key (report_id, report_revision));
create index fact_report_by_date on fact_report (work_date, employee_id);

create table fact_review (
    report_id uuid, report_revision bigint, review_revision bigint, employee_id uuid not null,
    work_date date not null, reviewed_at timestamptz not null, reviewer_id uuid not null,
    decision text not null, accepted_total numeric not null, items jsonb not null,
    revision bigint not null, ce_id uuid not null,
    primary key (report_id, report_revision, review_revision));
create index fact_review_by_date on fact_review (work_date, employee_id);

create table touched (id bigint generated always as identity primary key, work_date date);
create table next_due (work_date date primary key, due_at timestamptz not null);
create table published_day (
    work_date date, employee_id uuid, on_time text not null, place text not null, hours text not null,
    report text not null, output text not null, revision bigint not null,
    primary key (work_date, employee_id));
create table published_coverage (unit_id text primary key, status text not null, revision bigint not null);
create table rebuilding (unfinished boolean primary key check (unfinished));
"""


def upgrade() -> None:
    # Straight to the driver: in SQLAlchemy's text() a colon would begin a parameter.
    execute = op.get_bind().exec_driver_sql
    for statement in TABLES.split(";"):
        if statement.strip():
            execute(statement)
    outbox.create_table(op)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
