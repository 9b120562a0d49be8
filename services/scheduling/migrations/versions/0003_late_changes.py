"""Why a proposal was decided; an audit log that nobody can rewrite."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "alter table proposal add column decision_reason text",
    "create index on proposal (proposed_at, proposal_id)",
    "create index on roster (created_at, roster_id)",
    "create index on audit (action, audit_id)",
    """
    create function refuse_change() returns trigger language plpgsql as $$
    begin
        raise exception 'rows of % are only added', tg_table_name using errcode = 'restrict_violation';
    end $$
    """,
    """
    create trigger only_added before update or delete on audit
    for each statement execute function refuse_change()
    """,
    """
    create trigger never_emptied before truncate on audit
    for each statement execute function refuse_change()
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
