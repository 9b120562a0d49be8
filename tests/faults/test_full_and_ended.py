"""A full disk, and a service asked to end under load: whoever heard yes finds their record, once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.local.processes import free_port, unprivileged_user
from shared.database import Database, migrate
from shared.stopping import GRACE_S
from tests.conftest import ROOT, DatabaseFor, make_database
from tests.faults.part import part
from tests.faults.test_postgres_kill import own_server
from tests.integration.test_outbox import empty
from tests.kit.attendance import Rig, attendance
from tests.kit.backing import temporary_state
from tests.kit.kafka import eventually, reading
from tests.kit.services import Signer

pytestmark = pytest.mark.long


@contextmanager
def small_disk(megabytes: int) -> Generator[Path]:
    """A file system of that size, of PostgreSQL's account. Needs root, or sudo that does not ask."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    with temporary_state() as state:
        place = state.root.parent / "small"
        place.mkdir()
        user = unprivileged_user()
        whose = f",uid={user.uid},gid={user.gid}" if user else f",uid={os.getuid()},gid={os.getgid()}"
        options = f"size={megabytes}m,mode=0700{whose}"
        subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
        try:
            yield place
        finally:
            subprocess.run([*as_root, "umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leave no byte free; returns what takes the place."""
    file = place / "full"
    with file.open("wb", buffering=0) as written:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    written.write(b"\0" * size)
            except OSError:
                continue
    return file


@asynccontextmanager
async def on_small_disk(folder: Path) -> AsyncGenerator[tuple[Rig, Path]]:
    with small_disk(64) as place:
        async with own_server() as server:
            url = await make_database(server.url, "attendance_small")
            admin: asyncpg.Connection = await asyncpg.connect(server.url)
            try:
                await admin.execute(f"create tablespace small location '{place}'")
                await admin.execute("alter database attendance_small set tablespace small")
            finally:
                await admin.close()
            await asyncio.to_thread(migrate, url, ROOT / "services" / "attendance" / "migrations")
            db = Database(url)
            try:
                async with attendance(db, folder) as rig:
                    yield rig, place
            finally:
                await db.close()


@pytest.mark.fault(23)
async def test_while_the_disk_is_full_check_ins_are_503_and_half_of_none_is_written(tmp_path: Path) -> None:
    async with on_small_disk(tmp_path) as (rig, place):
        people = [await rig.staff() for _ in range(20)]
        accepted = {(await rig.punch(who)).json()["punch_id"] for who in people}
        taken = fill(place)
        refused: dict[str, tuple[object, httpx.Response]] = {}
        # What still fits into pages that are there is taken; then nothing is.
        async with asyncio.timeout(60):
            while len(refused) < len(people):
                ids = {str(uuid4()): who for who in people}
                answers = await asyncio.gather(*(rig.punch(who, punch_id=id) for id, who in ids.items()))
                for (id, who), answer in zip(ids.items(), answers, strict=True):
                    if answer.status_code == 201:
                        accepted.add(id)
                    else:
                        refused[id] = who, answer
        for _, answer in refused.values():
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.headers["content-type"] == "application/problem+json"
        recorded = await rig.client.get("/attendance/v1/me/punches", headers=rig.token("staff", people[0]))
        assert recorded.status_code == 200, "what is there can be read"
        assert {value["punch_id"] for _, value in await rig.outbox()} == accepted
        assert await rig.count("punch") == len(accepted)

        taken.unlink()
        again = [await rig.punch(who, punch_id=id) for id, (who, _) in refused.items()]  # pyright: ignore[reportArgumentType]
        assert {answer.status_code for answer in again} == {201}
        assert {value["punch_id"] for _, value in await rig.outbox()} == accepted | set(refused)
        assert await rig.count("punch") == len(accepted) + len(refused)


@asynccontextmanager
async def service(
    db: Database, kafka: str, signer: Signer, folder: Path
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """The attendance service as a process of its own, and its address."""
    port = free_port()
    environment = {
        "HADIR_ATTENDANCE_DATABASE_URL": db.url,
        "HADIR_KAFKA_BOOTSTRAP": kafka,
        "HADIR_TOKEN_PUBLIC_KEY_FILE": str(signer.public_file(folder)),
        "HADIR_STATE_DIR": str(folder),
        "HADIR_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.attendance"), cwd=ROOT, env={**os.environ, **environment}
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url) as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/attendance/livez")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(answers)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.fault(24)
async def test_a_service_ended_under_load_keeps_every_yes_and_loses_no_event(
    database_for: DatabaseFor, kafka: str, tmp_path: Path
) -> None:
    db = await database_for("attendance")
    async with attendance(db, tmp_path) as rig:
        people = [await rig.staff() for _ in range(8)]
        headers = {who: rig.token("staff", who) for who in people}
        signer = rig.signer
    accepted: set[str] = set()
    unknown: set[str] = set()

    async def tap(url: str, who: object) -> None:
        async with httpx.AsyncClient(base_url=url) as client:
            while True:
                id = str(uuid4())
                body = {"punch_id": id, "kind": "in", "device_at": None, "position": None}
                try:
                    answer = await client.post("/attendance/v1/punches", json=body, headers=headers[who])  # pyright: ignore[reportArgumentType]
                except httpx.TransportError:
                    unknown.add(id)
                    return
                if answer.status_code == 503:
                    return
                assert answer.status_code == 201
                accepted.add(id)

    async with service(db, kafka, signer, tmp_path) as (process, url):
        taps = asyncio.gather(*(tap(url, who) for who in people))
        await eventually(lambda: len(accepted) >= 100)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), GRACE_S) == 0
        await taps
    async with db.read() as tx:
        stored = {str(row["punch_id"]) for row in await tx.connection.fetch("select punch_id from punch")}
    assert accepted <= stored <= accepted | unknown
    async with part("relay", db.url, kafka, "1000"):
        await eventually(lambda: empty(db))
    async with reading(kafka, "attendance.recorded.v1") as tail:
        await tail.to_the_end()
    sent = [record.value or b"" for record in tail.records]
    assert all(any(id.encode() in value for value in sent) for id in stored)
