"""Events that count as never sent, as two officers said."""

from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table disowned (
            ce_id uuid primary key,
            topic text not null,
            revision bigint not null check (revision >= 1),
            disowned_at timestamptz not null,
            disowned_by text not null,
            reason text not null,
            revoked boolean not null
        )
        """
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
