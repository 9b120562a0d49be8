"""What was last said of the near future of each service point.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table published_forecast (
            unit_id text primary key, opd_code text not null, status text not null, at timestamptz not null,
            starts_at timestamptz, ends_at timestamptz, required integer not null, expected integer not null,
            as_of timestamptz not null, revision bigint not null
        )
        """
    )


def downgrade() -> None:
    op.drop_table("published_forecast")
