"""Which events count as never sent, and whose facts are to be put right.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from shared import disowned

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    disowned.create_tables(op)
    # Whose facts are out: what was announced of them is taken back by the ticker, if nothing took their place.
    op.execute(
        """
        create table gone_plan (
            employee_id uuid, work_date date, opd_code text not null, primary key (employee_id, work_date)
        )
        """
    )
    op.execute("create table gone_unit (unit_id text primary key, opd_code text not null)")


def downgrade() -> None:
    op.drop_table("gone_unit")
    op.drop_table("gone_plan")
    op.drop_table("repair")
    op.drop_table("disowned")
