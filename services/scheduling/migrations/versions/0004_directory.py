"""Who reviews in place of a superior who is gone; when a plan was published, and whether it was ever shown."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # the superiors as published: those that the directory names, or the next one up and the deputies of the day
    "alter table employee add column effective_supervisor_id uuid, add column effective_acting_id uuid",
    "update employee set effective_supervisor_id = supervisor_id, effective_acting_id = acting_supervisor_id",
    "create index on employee (effective_supervisor_id)",
    "create index on employee (effective_acting_id) where effective_acting_id is not null",
    # shown: some revision of the plan was no free day, so a calendar may hold an event for it
    "alter table plan add column published_at timestamptz, add column shown boolean not null default false",
    "update plan set shown = true where mode <> 'OFF' or revision > 1",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
