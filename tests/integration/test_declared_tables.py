"""What the classes declare and what the migrations make are the same tables."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine

from services.attendance import facts as attendance
from services.notifications import facts as notifications
from services.reporting import facts as reporting
from services.scheduling import facts as scheduling
from shared import disowned
from shared.database import Database, Hosts, migrate
from shared.events.base import ServiceName
from shared.facts import ABSORBING
from tests.conftest import ROOT, DatabaseFor, drop_database, make_database

DECLARED: dict[ServiceName, MetaData] = {
    "attendance": attendance.Base.metadata,
    "notifications": notifications.Base.metadata,
    "reporting": reporting.Stored.metadata,
    "scheduling": scheduling.Base.metadata,
}


@pytest.mark.parametrize("service", DECLARED)
async def test_the_migrated_tables_are_the_declared_ones(database_for: DatabaseFor, service: ServiceName) -> None:
    declared = MetaData()
    for metadata in (DECLARED[service], disowned.Stored.metadata):
        for table in metadata.tables.values():
            table.to_metadata(declared)

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in declared.tables

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
        return compare_metadata(context, declared)

    def partitioned(connection: Connection) -> dict[str, str]:
        keys = "select relname, pg_get_partkeydef(oid) as partkey from pg_class where relkind = 'p'"
        return {row.relname: row.partkey for row in connection.execute(text(keys))}

    where = Hosts((await database_for(service)).url)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=where.connect)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(partitioned) == {
            name: key
            for name, table in declared.tables.items()
            if (key := table.dialect_options["postgresql"]["partition_by"])
        }
    await engine.dispose()


async def test_an_erasure_of_old_ranks_as_one_of_today(postgres: str) -> None:
    """Attendance had another revision for it, and rows that have it: read again, the erasure changes nothing."""
    name, person, left = f"attendance_{uuid4().hex[:12]}", uuid4(), uuid4()
    db, migrations = Database(await make_database(postgres, name)), ROOT / "services" / "attendance" / "migrations"
    await asyncio.to_thread(migrate, db.url, migrations, "0003")
    insert = "insert into employee_fact values ($1, null, null, null, null, '[]', '[]', false, $2, $3)"
    async with db.transaction() as tx:
        await tx.connection.execute(insert, person, 2**53 + 1, uuid4())
        await tx.connection.execute(insert, left, 2**40, uuid4())
    await asyncio.to_thread(migrate, db.url, migrations)
    async with db.read() as tx:
        rows = await tx.connection.fetch("select employee_id, revision from employee_fact")
    assert {row["employee_id"]: row["revision"] for row in rows} == {person: ABSORBING, left: 2**40}
    await db.close()
    await drop_database(postgres, name)
