"""The audit has the columns that it has in every service. Its rows stay as they are."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for old, new in (("id", "audit_id"), ("actor", "officer"), ("details", "detail")):
        op.execute(f"alter table audit rename column {old} to {new}")
    for loosened in ("role", "reason"):
        op.execute(f"alter table audit alter column {loosened} drop not null")
    op.execute("create index on audit (subject)")
    op.execute("create index on audit (action, audit_id)")


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
