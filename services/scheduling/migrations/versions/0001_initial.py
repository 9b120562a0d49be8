"""Directory, calendar, absences, rules, policies, rosters, plans and the outbox."""

from alembic import op

from shared.outbox import create_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
create table opd (
    opd_code text primary key,
    name text not null,
    short_name text not null,
    kind text not null,
    direct_service text not null
);

create table unit (
    unit_id text primary key,
    opd_code text not null references opd,
    name text not null,
    is_service_point boolean not null,
    direct_service boolean not null,
    places jsonb not null,
    slo double precision not null check (slo between 0 and 1),
    revision bigint not null default 0,
    -- digest of the entry that was last published: what differs from it has to be published
    published text
);
create index on unit (opd_code);

create table requirement (
    unit_id text not null references unit,
    effective_from date not null,
    openings jsonb not null,
    primary key (unit_id, effective_from)
);

create table employee (
    employee_id uuid primary key,
    -- deferred, so that one statement may hand a number from one row to another
    nip text not null unique deferrable initially deferred check (nip ~ '^[0-9]{18}$'),
    name text not null,
    opd_code text not null references opd,
    unit_id text not null references unit,
    supervisor_id uuid references employee deferrable initially deferred,
    acting_supervisor_id uuid references employee deferrable initially deferred,
    employment text not null check (employment in ('PNS', 'PPPK')),
    echelon text check (echelon in ('II', 'III', 'IV')),
    email text,
    phone text,
    remote_places jsonb not null,
    heads text[] not null,
    timetable text not null,
    shift_group smallint check (shift_group between 0 and 3),
    post_since date,
    discipline_until date,
    active boolean not null,
    revision bigint not null default 0,
    published text
);
create index on employee (unit_id);
create index on employee (supervisor_id);
create index on employee (opd_code);

create table calendar (
    year int primary key,
    holidays jsonb not null,
    revision bigint not null default 0,
    published text
);

create table absence (
    employee_id uuid not null references employee on delete cascade,
    category text not null check (category in ('leave', 'duty_travel')),
    from_date date not null,
    to_date date not null check (to_date >= from_date),
    kind text,
    letter text,
    primary key (employee_id, category, from_date, to_date),
    check ((category = 'leave') = (kind is not null))
);
create index on absence (to_date, from_date);

create table rules (
    rules_version text primary key,
    effective_from date not null,
    tolerance_minutes int not null,
    report_modes text[] not null,
    report_cutoff text not null,
    review_sla_working_days int not null,
    created_at timestamptz not null,
    created_by text not null
);

create table policy (
    policy_id text not null,
    version int not null,
    effective_from date not null,
    effective_to date check (effective_to >= effective_from),
    withdrawn boolean not null,
    body jsonb not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (policy_id, version)
);

create table roster (
    roster_id uuid primary key,
    request jsonb not null,
    status text not null check (status in ('running', 'published', 'failed')),
    summary jsonb not null,
    created_at timestamptz not null,
    created_by text not null
);

create table proposal (
    proposal_id uuid primary key,
    kind text not null,
    body jsonb not null,
    reason text not null,
    person_days bigint not null,
    status text not null check (status in ('open', 'approved', 'refused')),
    proposed_by uuid not null,
    proposed_at timestamptz not null,
    decided_by uuid,
    decided_at timestamptz,
    -- two officers, whatever the code above says
    check (decided_by is null or decided_by <> proposed_by)
);

create table plan (
    employee_id uuid not null,
    work_date date not null,
    opd_code text not null,
    unit_id text not null,
    revision bigint not null,
    mode text not null check (mode in ('WFO', 'WFH', 'DUTY_TRAVEL', 'LEAVE', 'OFF')),
    starts_at timestamptz,
    ends_at timestamptz,
    policy_version text,
    reason text,
    primary key (employee_id, work_date),
    check ((mode in ('WFO', 'WFH')) = (starts_at is not null) and (starts_at is null) = (ends_at is null)),
    check (ends_at > starts_at)
) with (fillfactor = 90);
create index on plan (work_date, employee_id);
create index on plan (unit_id, work_date);
"""


def upgrade() -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    create_table(op)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
