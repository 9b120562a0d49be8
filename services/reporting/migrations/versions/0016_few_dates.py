"""The planner expects a few dates of the verdicts of some people, not a thousand.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    functions.install(op.get_bind().exec_driver_sql)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
