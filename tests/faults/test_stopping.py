"""A Ctrl-C ends a service in one time for all of its parts, and in their order."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy.local.processes import free_port
from shared.service import LAST_RESORT_S
from shared.stopping import FOR_THE_DATABASE_S, FOR_THE_REST_S, GRACE_S, Stopping
from tests.conftest import ROOT, DatabaseFor


@pytest.mark.parametrize(("how", "code"), [("slow", 0), ("never", 1)])
async def test_a_ctrl_c_under_an_open_stream_and_a_slow_task_ends_in_time_and_in_order(
    how: str, code: int, database_for: DatabaseFor, kafka: str, tmp_path: Path
) -> None:
    public, port = tmp_path / "token.pub", free_port()
    key = Ed25519PrivateKey.generate().public_key()
    public.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.stubborn",
        how,
        cwd=ROOT,
        env={
            **os.environ,
            "HADIR_ATTENDANCE_DATABASE_URL": (await database_for("attendance")).url,
            "HADIR_KAFKA_BOOTSTRAP": kafka,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": str(public),
            "HADIR_STATE_DIR": str(tmp_path),
            "HADIR_PORT": str(port),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while True:
                try:
                    await client.get("/attendance/livez")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.1)
            async with client.stream("GET", "/attendance/stream") as response:
                told = response.aiter_lines()
                await anext(told)
                asked = time.monotonic()
                process.send_signal(signal.SIGINT)
                said, _ = await process.communicate()
        took = time.monotonic() - asked
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert said.decode().split() == ["stream", "task", "database"]
    assert process.returncode == code
    assert took < 4.0 + LAST_RESORT_S + 1.0, "its grace, the last resort, and what it takes to hear of it"


def test_every_one_who_waits_for_a_service_waits_longer_than_it_takes() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    graces = {
        name: part["stop_grace_period"]
        for name, part in compose["services"].items()
        if name in {"scheduling", "attendance", "reporting", "notifications"}
    }
    assert len(graces) == 4
    for name, grace in graces.items():
        assert float(grace.removesuffix("s")) > GRACE_S + LAST_RESORT_S, name
    assert GRACE_S > FOR_THE_REST_S > FOR_THE_DATABASE_S > 0


async def test_asked_twice_there_is_no_more_time_than_before() -> None:
    stopping = Stopping(5.0)
    assert (stopping.left(), stopping.left(keep=2.0), stopping.left(keep=9.0)) == (5.0, 3.0, 0.0)
    stopping.set()
    await asyncio.sleep(0.05)
    left = stopping.left()
    stopping.set()
    assert stopping.left() <= left < 5.0
