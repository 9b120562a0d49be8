"""Who decided what on which report."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


_STATEMENTS = (
    """
    create table audit (
        audit_id bigint generated always as identity primary key,
        at timestamptz not null,
        officer text not null,
        role text,
        action text not null,
        subject text not null,
        reason text,
        detail jsonb not null
    )
    """,
    "create index on audit (subject)",
    "create index on audit (action, audit_id)",
    """
    create function refuse_change() returns trigger language plpgsql as $$
    begin
        raise exception 'rows of % are only added', tg_table_name using errcode = 'restrict_violation';
    end $$
    """,
    "create trigger only_added before update or delete or truncate on audit execute function refuse_change()",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
