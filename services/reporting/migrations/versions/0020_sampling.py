"""What the weekly audit found, and the reports of an OPD's week.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table sample_finding (
        report_id uuid primary key references work_report, error boolean not null, reason text not null,
        found_at timestamptz not null, found_by uuid not null
    )
    """,
    "create index work_report_by_opd on work_report (opd_code, work_date)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("work_report_by_opd")
    op.drop_table("sample_finding")
