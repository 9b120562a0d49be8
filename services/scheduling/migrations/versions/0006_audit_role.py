"""In which role an officer wrote: one person may have several. Null in the rows from before."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table audit add column role text")


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
