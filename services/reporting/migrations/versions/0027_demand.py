"""Who came to service points, half hour by half hour.

Revision ID: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table demand (
            unit_id text not null, from_at timestamptz not null, arrivals integer not null check (arrivals >= 0),
            mean_service_seconds double precision not null check (mean_service_seconds > 0),
            target_seconds double precision not null check (target_seconds >= 0),
            primary key (unit_id, from_at)
        )
        """
    )
    op.execute("create index demand_by_time on demand (from_at)")


def downgrade() -> None:
    op.drop_table("demand")
