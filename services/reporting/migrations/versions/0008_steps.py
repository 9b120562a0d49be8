"""What follows from the facts at every instant, what is to be computed anew, and announced states as one number.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATES = "array['met', 'not_met', 'unknown', 'pending', 'not_due']"
_CODE = " + ".join(
    f"{5**place} * (array_position({_STATES}, {duty}) - 1)"
    for place, duty in enumerate(("on_time", "place", "hours", "report", "output"))
)

_STATEMENTS = (
    "alter table touched rename to touched_date",
    "alter table touched_date rename constraint touched_pkey to touched_date_pkey",
    "alter sequence touched_id_seq rename to touched_date_id_seq",
    """
    create table touched (
        work_date date, employee_id uuid, done_to uuid, from_date date,
        constraint touched_key unique nulls not distinct (work_date, employee_id)
    )
    """,
    "create table touched_counter (day date, unit_id text, primary key (day, unit_id))",
    """
    create table person_day (
        work_date date, employee_id uuid, opd_code text not null, unit_id text not null, mode text not null,
        starts_at timestamptz, ends_at timestamptz, rules_version text,
        since timestamptz[] not null, codes smallint[] not null, first_day date not null, last_day date not null,
        primary key (work_date, employee_id)
    )
    """,
    """
    create table counter_day (
        day date, unit_id text, exact_from timestamptz not null,
        since timestamptz[] not null, required integer[] not null, present_low integer[] not null,
        present_high integer[] not null, status text[] not null, short_since timestamptz[] not null,
        open_us bigint[] not null, met_us bigint[] not null, unknown_us bigint[] not null,
        short_us bigint[] not null, required_us numeric[] not null, filled_us numeric[] not null,
        missing_us numeric[] not null,
        primary key (day, unit_id)
    )
    """,
    # Whatever was folded before is to be computed.
    "insert into touched (work_date) "
    "select null where exists (select from fact_plan) or exists (select from fact_unit)",
    "alter table published_day add code smallint, add due_at timestamptz",
    # Each is looked at once more: nothing is announced that was announced before.
    f"update published_day set code = {_CODE}, due_at = '-infinity'",  # noqa: S608 - constants
    "alter table published_day alter due_at set not null",
    "alter table published_day drop on_time, drop place, drop hours, drop report, drop output",
    "create index published_day_due on published_day (work_date, due_at)",
)


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    for statement in _STATEMENTS:
        execute(statement)
    functions.install(execute)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
