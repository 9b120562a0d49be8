"""How far a punch's time can be believed."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # What was recorded before was published without a word on it, which the contract reads as the server's time.
    op.execute(
        """
        alter table punch add column time_trust text not null default 'server'
            check (time_trust in ('server', 'verified', 'unverified'))
        """
    )
