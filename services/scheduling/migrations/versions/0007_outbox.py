"""The outbox is vacuumed as the queue that it is; as reporting's since its months."""

from alembic import op

from shared import outbox

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    outbox.vacuum_at_once(op)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
