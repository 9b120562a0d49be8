"""The browser's side of signing in: codes that open once, and the sessions that they open.

Only hashes are kept: who reads this table can sign in as nobody.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table sign_in_code (
        code_hash bytea primary key, subject uuid, role text not null, opd text,
        expires_at timestamptz not null, session_ends_at timestamptz not null
    )
    """,
    """
    create table browser_session (
        session_hash bytea primary key, subject uuid, role text not null, opd text, expires_at timestamptz not null
    )
    """,
)


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    for statement in STATEMENTS:
        execute(statement)


def downgrade() -> None:
    op.drop_table("browser_session")
    op.drop_table("sign_in_code")
