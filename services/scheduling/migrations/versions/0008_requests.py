"""What staff ask for, who may ask for what, and the key that hides colleagues from who looks for a partner."""

from alembic import op

from shared.requests import create_table

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(op)
    op.execute("create table request_kind (kind text primary key, employment text[] not null, opd_codes text[])")
    op.execute("create table swap_key (key bytea not null)")
    # Two random ids have 244 random bits.
    op.execute("insert into swap_key select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())")


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
