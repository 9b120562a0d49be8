"""A line that waits remembers whether the terminal's clock could be believed when it first came."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table terminal_line add column vouched boolean not null default false")


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
