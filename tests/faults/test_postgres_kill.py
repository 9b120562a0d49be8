"""PostgreSQL killed while people check in, report, and events come: 503 and again, and nothing is lost."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from demo.client import Client, Who
from deploy.local.postgres import Postgres
from deploy.local.processes import StartFailed
from shared.database import Database, Tx, migrate
from shared.telemetry import Metrics
from tests.conftest import ROOT, make_database
from tests.integration.test_bus import good
from tests.integration.test_bus_poison import Keeps, all_read, reasons
from tests.kit import reporting as city
from tests.kit.attendance import attendance, employee, plan, unit
from tests.kit.backing import temporary_state
from tests.kit.kafka import eventually, probe_topic, produce, reading, running_bus

PEOPLE = 150


@asynccontextmanager
async def own_server() -> AsyncGenerator[Postgres]:
    with temporary_state() as state:
        server = Postgres(state)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


async def database(server: Postgres, service: str) -> Database:
    url = await make_database(server.url, f"{service}_killed")
    await asyncio.to_thread(migrate, url, ROOT / "services" / service / "migrations")
    return Database(url)


async def kill_a_backend(server: Postgres) -> None:
    """SIGKILL to one session's process: the server ends all others and recovers, as after a crash."""
    connection: asyncpg.Connection = await asyncpg.connect(server.url)
    pid = await connection.fetchval("select pg_backend_pid()")
    os.kill(pid, signal.SIGKILL)
    with suppress(Exception):
        await connection.close(timeout=1)


async def kill_the_server(server: Postgres) -> None:
    """SIGKILL to the server itself; then it is started again, as its supervisor would."""
    pid_file = server.state.root.joinpath("postgres").resolve() / "data" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    await asyncio.sleep(1)
    async with asyncio.timeout(60):
        while True:
            try:
                await server.start()
            except StartFailed:  # a session of the dead server is still about to notice
                await asyncio.sleep(0.5)
            else:
                return


def statuses(metrics: Metrics) -> Counter[str]:
    found: Counter[str] = Counter()
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.name == "hadir_http_requests_total" and sample.labels["method"] != "GET":
                found[sample.labels["status"]] += int(sample.value)
    return found


async def paced(calls: Sequence[Any]) -> list[Any]:
    async def one(number: int, call: Any) -> Any:
        await asyncio.sleep(number * 0.05)
        return await call()

    return await asyncio.gather(*(one(number, call) for number, call in enumerate(calls)))


@pytest.mark.fault(22)
async def test_check_ins_and_reports_while_postgresql_is_killed_are_503_then_recorded_once(
    kafka: str, tmp_path: Path
) -> None:
    async with own_server() as server:
        db, reporting_db = await database(server, "attendance"), await database(server, "reporting")
        (tmp_path / "attendance").mkdir()
        async with (
            attendance(db, tmp_path / "attendance") as rig,
            city.running(kafka, reporting_db, tmp_path, city.at("15:00")) as reporting,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(rig.app, raise_app_exceptions=False), base_url="http://hadir"
            ) as attendance_client,
        ):
            people = [uuid4() for _ in range(PEOPLE)]
            await rig.know(unit(), *(employee(one) for one in people), *(plan(one) for one in people))
            await reporting.fold(
                *(city.employee(one, city.OPD, city.COUNTER) for one in people),
                *(city.plan(one, city.OPD, city.COUNTER) for one in people),
            )
            refused: Counter[int] = Counter()
            retry_after: set[str | None] = set()

            async def check_in(person: UUID, punch_id: str) -> None:
                """As an app does: the same punch until it is answered for good."""
                body = {"punch_id": punch_id, "kind": "in", "device_at": None, "position": None}
                while True:
                    answer = await attendance_client.post(
                        "/attendance/v1/punches", json=body, headers=rig.token("staff", person)
                    )
                    if answer.status_code in (200, 201):
                        return
                    refused[answer.status_code] += 1
                    retry_after.add(answer.headers.get("retry-after"))
                    await asyncio.sleep(0.3)

            async with Client(reporting.url, reporting.signer.key) as app:

                async def report(person: UUID) -> None:
                    path = f"/reporting/v1/me/reports/{city.DAY}"
                    await app.call(Who("staff", person), "PUT", path, json={"items": city.ITEMS})

                punches = {str(uuid4()): person for person in people}
                work = asyncio.gather(
                    paced([lambda p=person, i=id: check_in(p, i) for id, person in punches.items()]),
                    paced([lambda p=person: report(p) for person in people]),
                )
                await asyncio.sleep(1)
                await kill_a_backend(server)
                await asyncio.sleep(2)
                await kill_the_server(server)
                await asyncio.wait_for(work, 120)
            assert refused
            assert set(refused) == {503}
            assert retry_after == {"2"}
            for metrics in (rig.service.metrics, reporting.app.state.service.metrics):
                assert set(statuses(metrics)) <= {"200", "201", "503"}
            assert await rig.count("punch") == PEOPLE
            promised = Counter(value["punch_id"] for _, value in await rig.outbox())
            assert promised == Counter(punches.keys())
            async with reporting_db.read() as tx:
                assert await tx.connection.fetchval("select count(*) from work_report") == PEOPLE
        await db.close()
        await reporting_db.close()


async def test_postgresql_killed_in_the_middle_of_a_search_loses_nothing_and_blames_nothing(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.consumer.MAX_PAUSE_S", 1.0)
    topic = await probe_topic(monkeypatch, kafka)
    messages, ids = good(topic, 500)
    poison = random.Random(7).sample(ids, 3)
    searching = asyncio.Event()

    class Watched(Keeps):
        async def trouble(self, tx: Tx, ids: Sequence[UUID]) -> None:
            if len(ids) < 40:
                searching.set()
                await asyncio.sleep(0.05)
            if not set(poison).isdisjoint(ids):
                await tx.connection.execute("select $1::bigint::int", 2**40)

    keeps = Watched(topic)
    async with own_server() as server:
        db = await database(server, "attendance")
        await keeps.prepare(db)
        await produce(kafka, messages)
        async with running_bus(db, kafka, keeps.router) as bus, reading(kafka, topic.dead_letters) as dead:
            await asyncio.wait_for(searching.wait(), 60)
            await kill_the_server(server)
            await eventually(lambda: all_read(kafka, keeps.group, topic, 500))
            assert bus.stopped() == []
            await dead.to_the_end()
        assert Counter(reasons(dead.records)) == Counter((id, "database_22003") for id in poison)
        assert await keeps.kept(db) == set(ids) - set(poison)
        await db.close()
