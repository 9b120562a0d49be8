"""The newest messages of a person that are not read are found by their time.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WHERE = "where status = 'delivered' and read_at is null"


def upgrade() -> None:
    op.execute("drop index message_unread")
    op.execute(f"create index message_unread on message (employee_id, at) {WHERE}")


def downgrade() -> None:
    op.execute("drop index message_unread")
    op.execute(f"create index message_unread on message (employee_id) {WHERE}")
