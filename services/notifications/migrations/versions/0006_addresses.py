"""Where people are reached: the directory is read once more for it.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from shared import disowned

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table recipient add column email text, add column phone text")
    disowned.read_again(op, "recipient", "directory.employee.v1")


def downgrade() -> None:
    op.execute("delete from repair where event_id = '00000000-0000-0000-0000-000000000000'")
    op.execute("alter table recipient drop column email, drop column phone")
