"""What people's reports come to, at every instant, whole and by task.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_COLUMNS = """
    work_date date not null, employee_id uuid not null, opd_code text not null, unit_id text not null,
    mode text not null, since timestamptz[] not null, earned numeric[] not null, waiting numeric[] not null,
    reported smallint[] not null, returned integer[] not null
"""


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    functions.install(execute)
    for table, columns, key in (
        ("person_output", _COLUMNS, "work_date, employee_id"),
        ("person_task", f"{_COLUMNS}, task text not null", "work_date, employee_id, task"),
    ):
        execute(f"create table {table} ({columns}, primary key ({key})) partition by range (work_date)")
        execute(f"create table {table}_other partition of {table} default")
        execute(f"select tune_month('{table}_other', '{table}')")
    execute(
        "insert into touched (work_date) "
        "select null where exists (select from fact_plan) or exists (select from fact_unit) "
        "on conflict do nothing"
    )


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
