"""What is had back of a backup: databases and log, of one instant."""

import asyncio
import datetime as dt
import shutil
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest

from deploy.local import backup as backups
from deploy.local import backup_folder
from deploy.local.backup_folder import BackupRefused, instant_of
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.processes import StartFailed
from deploy.local.state import Running, State, Unusable, write_private
from deploy.local.system import Options, System
from deploy.local.topics import create_topics
from deploy.log_export import NoExport
from shared.events import TOPICS
from tests.kit.backing import temporary_state
from tests.kit.copying import everything
from tests.kit.kafka import message, plan_event, produce

pytestmark = pytest.mark.long

PATIENCE_S = 600.0


def nothing(_done: int, _all: int) -> None:
    pass


async def test_databases_and_log_are_brought_to_one_instant(tmp_path: Path) -> None:
    """Without services, so that what lies around the instant is exactly known: what was committed and not sent
    yet, and what was sent, by it and after it."""
    folder, topic = tmp_path / "backup", "schedule.changed.v1"
    with temporary_state() as state:
        kafka, postgres = Kafka(state), Postgres(state)
        kafka.patience_s = postgres.patience_s = PATIENCE_S
        try:
            await asyncio.gather(kafka.start(), postgres.start())
            await create_topics(kafka.bootstrap)
            state.publish(Running("http://unused", kafka.bootstrap, postgres.url, {}))
            write_private(state.root / "clock.json", "{}")
            admin: asyncpg.Connection = await asyncpg.connect(postgres.url)
            await admin.execute("create table promised (number int)")
            assert (await backups.backup(state, folder, nothing)).parts == 1
            await a_first_run_that_fails_leaves_nothing_and_takes_nothing_over(state, tmp_path / "other", admin)
            with backup_folder.held(folder), pytest.raises(BackupRefused, match="another `hadir backup` writes"):
                await backups.backup(state, folder, nothing)
            plans = [message(plan_event(TOPICS[topic])) for _ in range(3)]
            for number in range(2):
                await admin.execute("insert into promised values ($1)", number)
            await produce(kafka.bootstrap, plans[:1], partition=2)
            at: dt.datetime = await admin.fetchval(
                "select date_trunc('milliseconds', clock_timestamp()) + interval '5 ms'"
            )
            while await admin.fetchval("select clock_timestamp() <= $1", at + dt.timedelta(milliseconds=5)):
                pass
            await produce(kafka.bootstrap, plans[1:], partition=2)
            await admin.execute("insert into promised values (2)")
            done = await backups.backup(state, folder, nothing)
            assert (done.parts, done.records) == (2, 3)
            await admin.close()
        finally:
            await asyncio.gather(kafka.stop(), postgres.stop())

    for instant, numbers, sent in ((at.isoformat(), [0, 1], plans[:1]), (None, [0, 1, 2], plans)):
        with temporary_state() as state:
            shutil.rmtree(state.root)
            target = instant_of(done, instant)
            async with backups.restoring(state, folder, target, [], nothing) as restored:
                admin = await asyncpg.connect(restored.postgres.url)
                rows = await admin.fetch("select number from promised order by number")
                assert [row["number"] for row in rows] == numbers
                await admin.execute("insert into promised values (3)")  # nobody waits for anything any more
                await admin.close()
                assert (restored.records, restored.later) == (len(sent), 3 - len(sent))
                assert (state.root / "clock.json").read_text() == "{}"
                kafka = Kafka(state)
                kafka.patience_s = PATIENCE_S
                try:
                    await kafka.start()
                    records = await everything(kafka.bootstrap, topic)
                    assert [(one.partition, one.key, one.value, [*one.headers]) for one in records] == [
                        (2, one.key, one.value, one.headers) for one in sent
                    ]
                finally:
                    await kafka.stop()
                with pytest.raises(Unusable, match="half restored"):
                    await System(state, Options()).run()
            assert not state.restoring.exists()
    part = folder / "log" / "00002.jsonl.gz"
    part.write_bytes(part.read_bytes()[:-12])
    with temporary_state() as state:
        shutil.rmtree(state.root)
        with pytest.raises(NoExport, match="is damaged behind line"):
            async with backups.restoring(state, folder, instant_of(done, None), [], nothing):
                pass
        assert not state.root.exists()


def half_written(folder: Path) -> None:
    (folder / "base").mkdir()
    (folder / "base" / "PG_VERSION").write_text("15")


def small(_: Path) -> SimpleNamespace:
    return SimpleNamespace(free=1)


async def a_first_run_that_fails_leaves_nothing_and_takes_nothing_over(
    state: State, folder: Path, admin: asyncpg.Connection
) -> None:
    async def full(*_: object) -> None:
        half_written(folder)
        raise StartFailed("no space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backups, "_tool", full)
        with pytest.raises(StartFailed):
            await backups.backup(state, folder, nothing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", small)
        with pytest.raises(BackupRefused, match="make room on"):
            await backups.backup(state, folder, nothing)
    assert backup_folder.size_of(folder) == 0
    slots = await admin.fetch("select slot_name from pg_replication_slots")
    assert [slot["slot_name"] for slot in slots] == [backups.SLOT]
