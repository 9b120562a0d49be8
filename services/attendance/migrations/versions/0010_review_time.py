"""How long superiors have to decide, by the rules and the calendar."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table rules_fact (
            rules_version text primary key,
            effective_from date not null,
            review_sla_working_days integer not null,
            revision bigint not null,
            ce_id uuid not null
        )
        """
    )
    op.execute(
        """
        create table calendar_fact (
            year integer primary key,
            holidays jsonb not null,
            revision bigint not null,
            ce_id uuid not null
        )
        """
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
