"""Counters are counted by index: who reaches into a date from another one is found among the people of the unit.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # It stands here and not with the functions that judge, which are dropped and made anew: indexes depend on it.
    """
    create function punch_reach(work_date date, at timestamptz) returns smallint
    language sql immutable parallel safe as $$
        select (case
            when (at at time zone 'Asia/Jakarta')::date = work_date then null
            when (at at time zone 'Asia/Jakarta')::date between work_date - 1 and work_date + 1 then 0
            when (at at time zone 'Asia/Jakarta')::date between work_date - 2 and work_date + 4 then 1
            else 2
        end)::smallint
    $$
    """,
    "drop index fact_punch_overnight",
    "create index fact_punch_overnight on fact_punch (punch_reach(work_date, at), work_date, employee_id, at)"
    " where punch_reach(work_date, at) is not null",
    "drop index fact_plan_overnight",
    "create index fact_plan_overnight on fact_plan (unit_id, work_date)"
    " where mode = 'WFO' and ends_at > ((work_date + 1)::timestamp at time zone 'Asia/Jakarta')",
)


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    for statement in _STATEMENTS:
        execute(statement)
    functions.install(execute)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
