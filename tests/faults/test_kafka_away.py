"""Kafka goes away under a running service: it stays alive, serves, says so briefly, and goes on by itself."""

import asyncio
import logging
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.topics import create_topics
from shared.service import Service
from shared.telemetry import Sparing
from tests.conftest import DatabaseFor
from tests.kit.attendance import attendance
from tests.kit.backing import temporary_state
from tests.kit.kafka import eventually, reading


class Lines(logging.Handler):
    """What a service's log would hold."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.addFilter(Sparing())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.getMessage()} {getattr(record, 'fields', '')}")


@pytest.mark.fault(7)
async def test_while_kafka_is_away_requests_are_answered_and_the_log_stays_short(
    database_for: DatabaseFor, tmp_path: Path
) -> None:
    db = await database_for("attendance")
    with temporary_state() as state:
        broker = Kafka(state)
        await broker.start()
        try:
            await create_topics(broker.bootstrap)
            async with attendance(db, tmp_path, kafka=broker.bootstrap) as rig:
                me = await rig.staff()
                await eventually(lambda: rig.service.bus.started and not rig.service.bus.not_ready())
                assert (await rig.punch(me)).status_code == 201
                await eventually(lambda: empty(rig.service))
                lines = Lines()
                logging.getLogger().addHandler(lines)
                try:
                    await broker.stop()
                    assert (await rig.punch(me, kind="out")).status_code == 201
                    await eventually(lambda: lines.lines)
                    await asyncio.sleep(6)
                    # The consumer's client, the relay's, and our own word on the relay: once each a minute.
                    assert len(lines.lines) <= 3, lines.lines
                    ready = await rig.client.get("/attendance/readyz")
                    alive = await rig.client.get("/attendance/livez")
                    assert (ready.status_code, alive.status_code) == (200, 200)
                finally:
                    logging.getLogger().removeHandler(lines)
                await broker.start()
                await eventually(lambda: empty(rig.service))
                async with reading(broker.bootstrap, "attendance.recorded.v1") as tail:
                    await tail.until(lambda: len(tail.records) >= 2)
        finally:
            await broker.stop()


async def empty(service: Service) -> bool:
    rows, _ = await service.relay.backlog()
    return rows == 0
