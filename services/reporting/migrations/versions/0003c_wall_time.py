"""Verdicts and coverage read wall times without failing at what they cannot read."""

from pathlib import Path

from alembic import op

revision = "0003c"
down_revision = "0002"
branch_labels = None
depends_on = None

FUNCTIONS = ("verdicts.sql", "coverage.sql")


def upgrade() -> None:
    folder = Path(__file__).resolve().parents[2]
    for name in FUNCTIONS:
        # One statement at a time: the driver prepares them. `$$;` ends a function, nothing else does.
        for statement in (folder / name).read_text(encoding="utf-8").split("$$;"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement + "$$")


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
