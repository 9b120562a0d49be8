"""Pilots as they were registered: a row for each revision, and none is ever another.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table pilot (
        pilot_id text collate "C" not null, revision bigint not null, protocol jsonb not null,
        protocol_sha256 text not null, amended_after_start boolean not null, registered_at timestamptz not null,
        primary key (pilot_id, revision)
    )
    """,
    "create trigger only_added before update or delete or truncate on pilot execute function refuse_change()",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
