"""What people turn off of one kind by one channel."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("preference", sa.Column("muted", JSONB(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("preference", "muted")
