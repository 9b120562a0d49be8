"""Of each device its last connected exchange; of a punch what its device counted and said."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table device (
            device_id text primary key,
            employee_id uuid not null,
            boot_id text not null,
            elapsed_ms bigint not null,
            sequence bigint not null,
            received_at timestamptz not null,
            ahead interval,
            ahead_at timestamptz
        )
        """
    )
    op.execute("create index device_of_employee on device (employee_id)")
    op.execute(
        """
        alter table punch add column device_id text, add column boot_id text, add column elapsed_ms bigint,
            add column sequence bigint, add column mock boolean, add column address inet
        """
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
