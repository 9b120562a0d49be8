"""A standby takes over: what was acknowledged is there, and services find it by themselves."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from deploy.local import tools
from deploy.local.postgres import Postgres
from deploy.local.processes import unprivileged_user
from shared import failures
from shared.database import Database
from tests.kit.backing import temporary_state
from tests.kit.kafka import eventually

pytestmark = pytest.mark.long

NAME = "standby"


async def copied(primary: Postgres, standby: Postgres) -> None:
    """The whole of the primary as the standby's data, with how to follow it."""
    shutil.copy(primary.state.root / "passwords.json", standby.state.root / "passwords.json")
    user = unprivileged_user()
    folder: Path = await asyncio.to_thread(tools.postgres_bin, user, primary.made_by())
    command = [folder / "pg_basebackup", "-R", "-X", "stream", "-c", "fast", "-D", standby.data_folder()]
    made = await asyncio.to_thread(
        subprocess.run,
        [*map(str, command), "-d", f"{primary.url}?application_name={NAME}"],
        user=user.uid if user else None,
        group=user.gid if user else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr


async def told(url: str, *statements: str) -> object:
    connection: asyncpg.Connection = await asyncpg.connect(url)
    try:
        answer: object = None
        for statement in statements:
            answer = await connection.fetchval(statement)
        return answer
    finally:
        await connection.close()


class Writer:
    """Writes one row after the other, tries again what failed, and keeps what was acknowledged."""

    def __init__(self, db: Database) -> None:
        self.acknowledged: list[int] = []
        self._db = db

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self._write())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _write(self) -> None:
        number = 0
        while True:
            number += 1
            try:
                async with self._db.transaction() as tx:
                    await tx.connection.execute("insert into written values ($1)", number)
            except Exception as error:
                if not failures.is_away(error):
                    raise
                await asyncio.sleep(0.05)
            else:
                self.acknowledged.append(number)


async def test_the_standby_has_all_that_was_acknowledged_and_services_write_on_without_being_told() -> None:
    async with AsyncExitStack() as stack:
        primary, standby = (Postgres(stack.enter_context(temporary_state())) for _ in range(2))
        await primary.start()
        stack.push_async_callback(primary.stop)
        await told(primary.url, "create table written (number bigint primary key)")
        await copied(primary, standby)
        await standby.start()
        stack.push_async_callback(standby.stop)
        # From here on a commit is acknowledged when the standby has it on its disk, too.
        await told(
            primary.url, f"alter system set synchronous_standby_names = '{NAME}'", "select pg_reload_conf()"
        )
        synchronous = "select exists (select from pg_stat_replication where sync_state = 'sync')"
        await eventually(lambda: told(primary.url, synchronous))

        both = primary.url.replace("/postgres", f",127.0.0.1:{standby.port}/postgres")
        db = Database(f"{both}?target_session_attrs=read-write")
        stack.push_async_callback(db.close)
        writer = Writer(db)
        async with writer.writing():
            await eventually(lambda: len(writer.acknowledged) > 50)
            assert primary.pid is not None
            os.kill(primary.pid, signal.SIGKILL)
            await told(standby.url, "select pg_promote()")
            at_promotion = len(writer.acknowledged)
            await eventually(lambda: len(writer.acknowledged) > at_promotion + 50)
            session = await db.dedicated()
            assert await session.fetchval("select not pg_is_in_recovery()")
            await session.close()
        rows = await told(standby.url, "select string_agg(number::text, ' ') from written")
        assert {str(number) for number in writer.acknowledged} <= set(str(rows).split())
