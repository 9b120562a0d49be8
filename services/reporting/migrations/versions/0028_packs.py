"""The council's packs: what was asked for, and what was made of it.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table pack (
        first_date date not null, last_date date not null, as_of timestamptz not null,
        ordered_at timestamptz not null, dates_read integer not null default 0,
        pack_id text unique, failure text,
        primary key (first_date, last_date, as_of)
    )
    """,
    "create index pack_waiting on pack (ordered_at) where pack_id is null and failure is null",
    """
    create table pack_file (
        pack_id text not null, name text not null, media_type text not null, body bytea not null,
        primary key (pack_id, name)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("pack_file")
    op.drop_table("pack")
