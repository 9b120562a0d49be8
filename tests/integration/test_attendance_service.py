"""Attendance as a whole: from the bus to the bus, without its database, and as it describes itself."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from deploy.local.postgres import Postgres
from shared.database import Database, migrate
from shared.events import TOPICS, decode
from shared.tasks import Health
from tests.conftest import ROOT, DatabaseFor, make_database
from tests.kit.attendance import AT_OFFICE, attendance, employee, plan, unit
from tests.kit.backing import temporary_state
from tests.kit.kafka import eventually, message, produce, reading


async def test_from_the_directory_on_the_bus_to_a_punch_on_the_bus(
    database_for: DatabaseFor, kafka: str, tmp_path: Path
) -> None:
    me, unit_id = uuid4(), f"unit-{uuid4().hex[:8]}"
    await produce(
        kafka,
        [
            message(plan(me, unit_id=unit_id, opd_code="DINKES")),
            message(unit(unit_id)),
            message(employee(me, unit_id="elsewhere")),
        ],
    )
    async with attendance(await database_for("attendance"), tmp_path, kafka=kafka) as rig:
        await eventually(lambda: all_known(rig.db))
        answer = await rig.punch(me, position=AT_OFFICE)
        assert (answer.status_code, answer.json()["zone"]) == (201, "office")
        async with reading(kafka, "attendance.recorded.v1") as tail:
            await tail.until(lambda: any(record.key == str(me).encode() for record in tail.records))
    (record,) = [record for record in tail.records if record.key == str(me).encode()]
    received = decode(record.topic, record.key, record.value, record.headers)
    assert received.source == "/hadir/attendance"
    assert received.traceparent
    assert json.loads(record.value or b"")["opd_code"] == "DINKES"


async def all_known(db: Database) -> bool:
    async with db.read() as tx:
        [counts] = await tx.connection.fetch(
            "select (select count(*) from employee_fact), (select count(*) from unit_fact),"
            " (select count(*) from plan_fact)"
        )
    return min(counts) >= 1


async def test_while_the_database_is_away_nothing_is_promised_and_the_retry_succeeds(tmp_path: Path) -> None:
    with temporary_state() as state:
        server = Postgres(state)
        await server.start()
        try:
            url = await make_database(server.url, "attendance_away")
            await asyncio.to_thread(migrate, url, ROOT / "services" / "attendance" / "migrations")
            db = Database(url)
            async with attendance(db, tmp_path) as rig:
                me, punch_id = await rig.staff(), str(uuid4())
                await server.stop()
                refused = await rig.punch(me, punch_id=punch_id)
                assert refused.status_code == 503
                assert refused.headers["retry-after"]
                assert refused.headers["content-type"] == "application/problem+json"
                ready = await rig.client.get("/attendance/readyz")
                alive = await rig.client.get("/attendance/livez")
                assert (ready.status_code, alive.status_code) == (503, 200)
                await server.start()
                assert (await rig.punch(me, punch_id=punch_id)).status_code == 201
                assert await rig.count("punch") == 1
            await db.close()
        finally:
            await server.stop()


async def test_a_task_that_fails_is_named_by_readiness_and_only_one_that_carries_events_keeps_the_doors_open(
    database_for: DatabaseFor, tmp_path: Path
) -> None:
    async with attendance(await database_for("attendance"), tmp_path, kafka="127.0.0.1:1") as rig:
        health = rig.service.health
        carrying = (health["bus"], health["relay"])
        await eventually(lambda: all(one.failing_s() > 0 for one in carrying))
        told = await rig.client.get("/attendance/readyz")
        assert told.json()["failing"] == []  # for a minute nobody is alarmed
        for one in carrying:
            one.fails(time.monotonic() - one.failing_s() - 90, "KafkaConnectionError: away")
        told = (await rig.client.get("/attendance/readyz")).json()
        assert [line.split(" for ")[0] for line in told["failing"]] == [
            "task bus has failed",
            "task relay has failed",
        ]
        assert all("Kafka" in line for line in told["failing"])  # what was planted, or a failure since
        assert not any("task" in line for line in told["not_ready"])
        health["timer"] = Health("timer", rig.service.metrics)
        health["timer"].fails(time.monotonic() - 90, "ValueError: cannot subtract infinite dates")
        told = await rig.client.get("/attendance/readyz")
        assert told.status_code == 503
        assert any("timer" in line and "infinite" in line for line in told.json()["not_ready"])
        health["timer"].worked()
        told = (await rig.client.get("/attendance/readyz")).json()
        assert not any("timer" in line for line in told["not_ready"] + told["failing"])
        exposed = (await rig.client.get("/attendance/metrics")).text
        assert 'hadir_task_failures_total{task="relay"}' in exposed
        assert 'hadir_dead_letters_total{group="attendance.facts",reason="schema"} 0.0' in exposed


async def test_the_service_describes_its_doors_without_loose_ends(
    database_for: DatabaseFor, tmp_path: Path
) -> None:
    async with attendance(await database_for("attendance"), tmp_path) as rig:
        described = (await rig.client.get("/attendance/openapi.json")).json()

    def references(node: Any) -> list[str]:
        match node:
            case {"$ref": reference}:
                return [reference]
            case dict():
                return references([*cast("dict[str, Any]", node).values()])
            case list():
                return [reference for part in cast("list[Any]", node) for reference in references(part)]
            case _:
                return []

    parts = {f"#/components/{kind}/{name}" for kind, named in described["components"].items() for name in named}
    assert set(references(described)) <= parts
    body = described["paths"]["/attendance/v1/punches"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["required"]) == {"punch_id", "kind"}


async def test_only_the_topics_of_the_contract_are_promised(database_for: DatabaseFor, tmp_path: Path) -> None:
    async with attendance(await database_for("attendance"), tmp_path) as rig:
        me = await rig.staff()
        await rig.punch(me)
        assert {topic for topic, _ in await rig.outbox()} <= {
            name for name, topic in TOPICS.items() if topic.owner == "attendance"
        }
