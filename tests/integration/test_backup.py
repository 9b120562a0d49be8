"""What is had back of a backup: databases and log, of one instant."""

import asyncio
import datetime as dt
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from deploy.local import backup as backups
from deploy.local.backup import BackupRefused
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.state import Running, Unusable, write_private
from deploy.local.system import Options, System
from deploy.local.topics import create_topics
from deploy.log_export import export
from services.reporting.domain.transparency import LogName
from shared.events import TOPICS
from tests.kit.backing import temporary_state
from tests.kit.copying import everything
from tests.kit.kafka import message, plan_event, produce

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
            restored = await backups.restore(state, folder, instant, [], nothing)
            try:
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
            finally:
                await backups.finish(state, restored)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("yesterday", "is no instant"),
        ("2026-01-01T00:00", "has no offset"),
        ("2020-01-01T00:00+07:00", "instants from"),
    ],
)
def test_an_instant_that_cannot_be_had_back_is_refused(at: str, said: str) -> None:
    known = backups.Backup(1, "1", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00", "0/0", 1, 0)
    with pytest.raises(BackupRefused, match=said):
        backups.instant_of(known, at)


class OneLog:
    """A log of the directory, as an export reads it from Kafka: key, value, type, and when it was sent."""

    def __init__(self, *records: tuple[str, bytes | None, str, int]) -> None:
        self._records = records

    async def size(self) -> int:
        return len(self._records)

    async def checkpoints(self) -> list[Any]:
        return []

    async def records(self, **_: Any) -> AsyncIterator[tuple[LogName, list[Any]]]:
        yield (
            LogName("directory.employee.v1", 0),
            [
                SimpleNamespace(
                    key=key.encode(),
                    value=value,
                    headers=[("ce_type", of.encode())],
                    offset=offset,
                    timestamp=sent,
                )
                for offset, (key, value, of, sent) in enumerate(self._records)
            ],
        )


async def test_who_was_erased_at_an_instant_or_later_stands_in_the_log_of_the_backup(tmp_path: Path) -> None:
    at = dt.datetime(2026, 1, 31, 7, 30, tzinfo=dt.UTC)
    ms, this = round(at.timestamp() * 1000), "directory.employee.v1"
    source: Any = OneLog(
        ("before", None, this, ms - 1),
        ("then", None, this, ms),
        ("changed", b"{}", this, ms + 1),
        ("heartbeat", None, "heartbeat", ms + 1),
        ("after", None, this, ms + 2),
    )
    (tmp_path / "log").mkdir()
    await export(source, tmp_path / "log" / "00001.jsonl.gz", nothing)
    assert backups.since_erased(tmp_path, at) == ["then", "after"]
