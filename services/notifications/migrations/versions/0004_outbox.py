"""The outbox is vacuumed as the queue that it is; as reporting's since its months."""

from alembic import op

from shared import outbox

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    outbox.vacuum_at_once(op)


def downgrade() -> None:
    op.execute("alter table outbox set (autovacuum_vacuum_threshold = 10000)")
    op.execute("alter table outbox reset (autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_cost_delay)")
