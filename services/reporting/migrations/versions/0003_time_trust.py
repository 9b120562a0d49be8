"""How far a punch's time can be believed, and the functions that judge by it.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    # What was recorded before events said it counts as the server's: so the contract has it for an absent field.
    execute("alter table fact_punch add column time_trust text not null default 'server'")
    functions.install(execute)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
