"""An erasure has the same revision everywhere: the greatest there is.

It was 2^53 + 1 here, which also ranks above every event. Rows that have it would lose to the same erasure read
again, whatever the ids of the two: the rows of one log would depend on when it was read.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("update employee_fact set revision = 9223372036854775807 where revision = 9007199254740993")


def downgrade() -> None:
    op.execute("update employee_fact set revision = 9007199254740993 where revision = 9223372036854775807")
