"""Evidence files: one row for each file of a person and work date.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table evidence (
        evidence_id uuid primary key, employee_id uuid not null, work_date date not null, sha256 text not null,
        media_type text not null, size integer not null, width integer, height integer, name text,
        added_at timestamptz not null, stored boolean not null, reported boolean not null, purged_at timestamptz
    )
    """,
    "create unique index evidence_once on evidence (employee_id, work_date, sha256) where purged_at is null",
    "create index evidence_of_day on evidence (employee_id, work_date)",
    "create index evidence_by_content on evidence (sha256) where purged_at is null",
    "create index evidence_by_age on evidence (added_at) where purged_at is null",
    "create index evidence_unreported on evidence (added_at) where purged_at is null and not reported",
    "create index evidence_unfinished on evidence (added_at) where purged_at is null and not stored",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("evidence")
