"""Coverage says since when a service point is short, and who is wanted without a tree: its functions anew.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    functions.install(op.get_bind().exec_driver_sql)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
