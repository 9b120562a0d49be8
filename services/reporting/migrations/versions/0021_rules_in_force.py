"""Which rules hold on a date, and what holds without any, is said by one function.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    functions.install(op.get_bind().exec_driver_sql)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
