"""The Merkle trees of the log: where each stands, its tiles of hashes, and the checkpoints that were signed.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # last_offset: of the record that is the last leaf. looked_to: up to there nothing more was to be read.
    # since: from when on there have been records that no checkpoint binds.
    """
    create table log_tree (
        topic text not null, partition integer not null, size bigint not null, last_offset bigint not null,
        looked_to bigint not null, since timestamptz, checkpoint_size bigint not null default 0,
        checkpoint_at timestamptz, differs text, primary key (topic, partition)
    )
    """,
    # Hashes do not compress. Level 0 also keeps what its records are found by: marks of their ids, and the first
    # one's offset.
    """
    create table log_tile (
        topic text not null, partition integer not null, level smallint not null, number bigint not null,
        hashes bytea not null, marks bytea, first_offset bigint, primary key (topic, partition, level, number)
    )
    """,
    "alter table log_tile alter column hashes set storage external",
    "alter table log_tile alter column marks set storage plain",
    """
    create table log_checkpoint (
        topic text not null, partition integer not null, size bigint not null, root bytea not null,
        note text not null, made_at timestamptz not null, primary key (topic, partition, size)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("log_checkpoint", "log_tile", "log_tree"):
        op.drop_table(table)
