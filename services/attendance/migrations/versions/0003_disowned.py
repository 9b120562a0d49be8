"""Which events count as never sent, and whose facts are to be put right."""

from alembic import op

from shared import disowned

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    disowned.create_tables(op)


def downgrade() -> None:
    op.drop_table("repair")
    op.drop_table("disowned")
