"""Effective-dated postings, acting periods, readiness, special hours, wishes, swaps, calendar feeds."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = """
alter table plan add column pinned boolean not null default false;

create table posting_change (
    change_id uuid primary key,
    employee_id uuid not null references employee on delete cascade,
    effective_from date not null,
    kind text not null check (kind in ('transfer', 'departure', 'post', 'discipline')),
    body jsonb not null,
    status text not null check (status in ('due', 'applied', 'cancelled')),
    created_at timestamptz not null,
    created_by text not null
);
create index on posting_change (effective_from) where status = 'due';
create unique index on posting_change (employee_id, effective_from, kind) where status = 'due';

create table acting (
    acting_id uuid primary key,
    absent_id uuid not null references employee on delete cascade,
    deputy_id uuid not null references employee on delete cascade,
    kind text not null check (kind in ('PLH', 'PLT')),
    from_date date not null,
    to_date date not null check (to_date >= from_date),
    letter text,
    cancelled boolean not null default false,
    created_at timestamptz not null,
    created_by text not null,
    check (absent_id <> deputy_id)
);
create index on acting (absent_id, from_date);

create table readiness_weights (
    version int primary key,
    body jsonb not null,
    created_at timestamptz not null,
    created_by text not null
);

create table assessment (
    subject_kind text not null check (subject_kind in ('opd', 'unit')),
    subject_id text not null,
    assessed_on date not null,
    weights_version int not null references readiness_weights,
    body jsonb not null,
    score double precision not null check (score between 0 and 1),
    recommended_share double precision not null check (recommended_share between 0 and 1),
    created_at timestamptz not null,
    created_by text not null,
    primary key (subject_kind, subject_id, assessed_on)
);

create table special_hours (
    special_id uuid primary key,
    body jsonb not null,
    first date not null,
    last date check (last >= first),
    withdrawn boolean not null default false,
    created_at timestamptz not null,
    created_by text not null
);

create table wish (
    employee_id uuid not null references employee on delete cascade,
    work_date date not null,
    mode text not null check (mode in ('WFO', 'WFH')),
    weight smallint not null check (weight between 1 and 3),
    created_at timestamptz not null,
    primary key (employee_id, work_date)
);

create table apart (
    unit_id text not null references unit,
    one_id uuid not null references employee on delete cascade,
    other_id uuid not null references employee on delete cascade,
    reason text not null,
    primary key (unit_id, one_id, other_id),
    check (one_id < other_id)
);

create table swap (
    swap_id uuid primary key,
    asker_id uuid not null,
    partner_id uuid not null,
    asker_date date not null,
    partner_date date not null,
    status text not null check (status in ('asked', 'agreed', 'approved', 'refused')),
    asked_at timestamptz not null,
    decided_by text,
    decided_at timestamptz,
    check (asker_id <> partner_id)
);
create index on swap (asker_id);
create index on swap (partner_id);

-- the person-days of a proposal, exactly as they would be written
create table proposal_day (
    proposal_id uuid not null references proposal on delete cascade,
    employee_id uuid not null,
    work_date date not null,
    old_mode text,
    row jsonb not null,
    primary key (proposal_id, work_date, employee_id)
);

-- who changed what, with the reason given; rows are only added
create table audit (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null,
    officer text not null,
    action text not null,
    subject text not null,
    reason text,
    detail jsonb not null
);
create index on audit (subject);

create table feed (
    token_hash bytea primary key,
    employee_id uuid not null references employee on delete cascade,
    created_at timestamptz not null,
    revoked_at timestamptz
);
create index on feed (employee_id);
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
