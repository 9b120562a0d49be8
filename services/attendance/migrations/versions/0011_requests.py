"""What staff ask for of their own record."""

from alembic import op

from shared.requests import create_table

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(op)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
