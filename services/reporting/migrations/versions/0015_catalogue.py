"""The catalogue of tasks; of each report the mode of its day and when it was handed in first.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table task (
        task_code text not null, effective_from date not null, name text not null, unit text not null,
        norm_minutes double precision not null check (norm_minutes > 0), opd_code text, active boolean not null,
        words text[] not null,
        primary key (task_code, effective_from)
    )
    """,
    "create index task_words on task using gin (array_to_tsvector(words))",
    "alter table work_report add mode text, add first_submitted_at timestamptz",
    """
    update work_report set first_submitted_at = coalesce(
        (select min(submitted_at) from fact_report where fact_report.report_id = work_report.report_id),
        work_report.submitted_at)
    """,
    "alter table work_report alter first_submitted_at set not null",
)


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    for statement in _STATEMENTS:
        execute(statement)
    functions.install(execute)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
