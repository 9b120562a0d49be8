"""The ticker looks at person-days whose steps have come due: it notes no dates of its own.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    execute("drop table touched_date, next_due")
    execute("drop function if exists first_state")
    functions.install(execute)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
