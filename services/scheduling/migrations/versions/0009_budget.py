"""Which counters have spent their error budget; what is disowned of what this service reads."""

from alembic import op

from shared import disowned

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The list that this service publishes gives its name to the one that every reader of events keeps.
    op.execute("alter table disowned rename to disowned_published")
    op.execute("alter index disowned_pkey rename to disowned_published_pkey")
    disowned.create_tables(op)
    op.execute(
        """
        create table budget_fact (
            unit_id text not null, of_window text not null, status text not null,
            revision bigint not null, ce_id uuid not null,
            primary key (unit_id, of_window)
        )
        """
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
