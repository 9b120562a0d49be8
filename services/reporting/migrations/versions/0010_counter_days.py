"""A counter's date says as of which instants it cannot be cut off; two sums that follow from others are gone.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    execute("delete from counter_day")
    execute("alter table counter_day add inexact tstzmultirange not null")
    execute("alter table counter_day drop exact_from, drop open_us, drop required_us")
    functions.install(execute)


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
