"""What speaks against the place of a punch, the networks of offices, and which punches have been looked at."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    # What is there already counts as looked at: only what comes from now on is.
    "alter table punch add column judged boolean not null default true",
    "alter table punch alter column judged set default false",
    # The work of the task; a check-in pays for this index alone.
    "create index punch_unjudged on punch (received_at) where not judged and source in ('app', 'offline')",
    "create index punch_at_position on punch (lat, lon, work_date) where judged and lat is not null",
    "create index punch_of_device on punch (device_id, work_date) where judged and device_id is not null",
    """
    create index punch_with_evidence on punch (received_at) where judged
        and num_nonnulls(lat, address, mock, device_id) > 0
    """,
    "create index device_by_time on device (received_at)",
    """
    create table flag (
        flag_id uuid primary key,
        employee_id uuid not null,
        work_date date not null,
        kind text not null,
        punch_ids uuid[] not null,
        evidence jsonb not null,
        others uuid[] not null,
        raised_at timestamptz not null,
        due_at timestamptz not null,
        decision text check (decision in ('vouched', 'dismissed', 'unproven')),
        zone text check (zone in ('office', 'remote', 'elsewhere')),
        reason text,
        decided_at timestamptz,
        decided_by text,
        constraint flag_once unique (employee_id, work_date, kind),
        constraint flag_decided_whole check (num_nulls(decision, reason, decided_at, decided_by) in (0, 4)),
        constraint flag_zone_is_vouched check (coalesce(decision = 'vouched', false) = (zone is not null))
    )
    """,
    "create index flag_open on flag (raised_at, flag_id) where decision is null",
    "create index flag_by_time on flag (raised_at, flag_id)",
    """
    create table office_network (
        network_id uuid primary key,
        network cidr not null,
        opd_code text not null,
        unit_id text,
        name text not null
    )
    """,
    "create index office_network_holds on office_network using gist (network inet_ops)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
