"""Records that were set aside and that nobody has seen to."""

from alembic import op

from shared import set_aside

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    set_aside.create_table(op)


def downgrade() -> None:
    op.execute("drop table dead_letter")
