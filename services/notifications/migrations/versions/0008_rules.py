"""Rules that officers change, who decided so, and what waits for somebody to see to it.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table rule (
        kind text,
        version bigint,
        content jsonb,
        changed_by uuid not null,
        changed_at timestamptz not null,
        reason text not null,
        primary key (kind, version)
    )
    """,
    """
    create table escalation (
        cause_event_id uuid,
        kind text,
        subject text,
        params jsonb not null,
        people uuid[] not null,
        unit_id text,
        opd_codes text[],
        since timestamptz not null,
        step bigint not null,
        due_at timestamptz,
        ended_at timestamptz,
        acknowledged_by uuid,
        acknowledged_at timestamptz,
        primary key (cause_event_id, kind)
    )
    """,
    "create index escalation_due on escalation (due_at) where ended_at is null and due_at is not null",
    "create index escalation_subject on escalation (kind, subject) where ended_at is null",
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
    "create trigger only_added before update or delete or truncate on rule execute function refuse_change()",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("audit", "escalation", "rule"):
        op.execute(f"drop table {table}")
    op.execute("drop function refuse_change")
