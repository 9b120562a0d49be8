"""Server-sent events, and the session of a browser."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.local.processes import free_port
from shared.access import Role
from shared.database import Database
from tests.kit import reporting as small
from tests.kit.reporting import OPD, OTHER_OPD, Running, Staff
from tests.kit.services import Signer


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


async def test_the_stream_opens_with_every_view_and_follows_a_new_fact(service: Running, staff: Staff) -> None:
    seen: list[str] = []
    async with (
        asyncio.timeout(30),
        service.caller("bkpsdm") as client,
        client.stream("GET", "/reporting/v1/stream") as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        told = events(response)
        async for name, view in told:
            seen.append(name)
            if name == "units":
                assert {unit["status"] for unit in view["items"]} == {"met", "short"}
                break
        arrival = small.check_in(staff.elsewhere, "08:30", OTHER_OPD, small.OTHER_COUNTER)
        await service.fold(arrival)
        async for name, view in told:
            if name == "city" and view["coverage"]["short"] == 0:
                break
    assert seen == ["city", "opds", "units"]


@pytest.mark.fault(31)
async def test_the_stream_is_narrowed_to_the_role(service: Running, staff: Staff) -> None:
    audiences: list[tuple[Role, UUID | None, str | None, list[str]]] = [
        ("council", None, None, ["city", "opds", "units"]),
        ("opd_admin", None, OPD, ["opds", "units"]),
        ("staff", staff.clerk, None, ["units"]),
    ]
    for role, subject, opd, expected in audiences:
        async with (
            asyncio.timeout(30),
            service.caller(role, subject, opd) as client,
            client.stream("GET", "/reporting/v1/stream") as response,
        ):
            told = events(response)
            names: list[str] = []
            async for name, view in told:
                names.append(name)
                if name == "opds" and opd:
                    assert [item["opd_code"] for item in view["items"]] == [OPD]
                if name == "units":
                    break
            assert names == expected


async def test_streams_end_when_the_service_stops(service: Running) -> None:
    async with (
        asyncio.timeout(30),
        service.caller("bkpsdm") as client,
        client.stream("GET", "/reporting/v1/stream") as response,
    ):
        told = events(response)
        await anext(told)
        service.app.state.service.stopping.set()
        left = [name async for name, _ in told]
    assert "city" not in left


async def test_a_process_with_an_open_stream_stops_at_once_when_asked(
    kafka: str, database_for: Callable[[str], Awaitable[Database]], tmp_path: Path
) -> None:
    db = await database_for("reporting")
    signer = Signer()
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.reporting",
        env={
            **os.environ,
            "HADIR_REPORTING_DATABASE_URL": db.url,
            "HADIR_KAFKA_BOOTSTRAP": kafka,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": str(signer.public_file(tmp_path)),
            "HADIR_STATE_DIR": str(tmp_path),
            "HADIR_PORT": str(port),
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    url, headers = f"http://127.0.0.1:{port}", signer.headers("bkpsdm")
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            while True:
                try:
                    await client.get("/reporting/livez")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.1)
            async with client.stream("GET", "/reporting/v1/stream") as response:
                told = events(response)
                await anext(told)
                process.terminate()
                async for _ in told:
                    pass
        async with asyncio.timeout(10):  # uvicorn alone would wait for the stream for 20 s, and cut it off then
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
