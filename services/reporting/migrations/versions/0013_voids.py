"""Coverage looks voids up by punch.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    functions.install(op.get_bind().exec_driver_sql)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
