"""The models, the migrations and the guards in the database say the same."""

import asyncpg
import pytest

from tests.conftest import DatabaseFor


@pytest.mark.parametrize("change", ["update audit set reason = 'x'", "delete from audit", "truncate audit"])
async def test_the_audit_log_refuses_every_change(database_for: DatabaseFor, change: str) -> None:
    db = await database_for("attendance")
    async with db.transaction() as tx:
        await tx.connection.execute(
            "insert into audit (at, officer, role, action, subject, reason, detail)"
            " values (now(), 'a', 'b', 'c', 'd', 'e', '{}')"
        )
    with pytest.raises(asyncpg.RaiseError, match="append only"):
        async with db.transaction() as tx:
            await tx.connection.execute(change)
