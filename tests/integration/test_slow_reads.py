"""A read that nobody waits for any more, or that takes too long, ends in PostgreSQL too."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import uvicorn
from fastapi import APIRouter, Request
from prometheus_client import generate_latest

from shared.database import Database
from shared.server import config
from shared.service import Service, build
from tests.conftest import DatabaseFor
from tests.kit.services import Signer, settings_for

SLOW = "select pg_sleep(20), 'a slow read'"
router = APIRouter(prefix="/attendance")


@router.get("/slow")
async def slow(request: Request) -> dict[str, str]:
    service: Service = request.app.state.service
    async with service.db.read() as tx:
        await tx.connection.fetchval(SLOW)
    return {}


@router.get("/quick")
async def quick(request: Request) -> dict[str, Any]:
    service: Service = request.app.state.service
    async with service.db.read() as tx:
        return {
            "running": await tx.connection.fetchval(
                "select count(*) from pg_stat_activity where query = $1 and state = 'active'", SLOW
            )
        }


@router.post("/slow")
async def write(request: Request) -> dict[str, str]:
    service: Service = request.app.state.service
    async with service.db.transaction() as tx:
        await tx.connection.fetchval("select pg_sleep(1.5)")
    return {"done": "yes"}


@pytest_asyncio.fixture
async def url(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[tuple[str, Any]]:
    db: Database = await database_for("attendance")
    bounds: dict[str, Any] = {"read_timeout_s": 1, "database_pool_size": 4}
    settings = settings_for("attendance", Signer(), tmp_path, database_url=db.url, **bounds)
    app = build(settings, routers=[router])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config(app, lifespan="on", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        listener.close()


async def test_a_read_that_takes_too_long_is_given_up_and_a_write_is_not(url: tuple[str, Any]) -> None:
    async with httpx.AsyncClient(base_url=url[0], timeout=30) as client:
        given_up, written = await asyncio.gather(client.get("/attendance/slow"), client.post("/attendance/slow"))
        assert (given_up.status_code, given_up.headers["retry-after"]) == (503, "10")
        assert given_up.json()["type"] == "urn:hadir:problem:too_slow"
        assert written.status_code == 200
        assert (await client.get("/attendance/quick")).json() == {"running": 0}


async def test_a_read_ends_in_the_database_when_its_client_leaves(url: tuple[str, Any]) -> None:
    app = url[1]
    app.user_middleware[0].kwargs["read_timeout_s"] = None
    async with httpx.AsyncClient(base_url=url[0], timeout=30) as client:
        for number in range(1, 7):  # more than there are connections: each must come back whole
            leaving = asyncio.create_task(client.get("/attendance/slow"))
            await until(lambda: running(client, 1))
            leaving.cancel()
            await until(lambda: running(client, 0))
            counted = f'route="/attendance/slow",status="499"}} {number}.0'.encode()
            await until(lambda counted=counted: there(counted, app))


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await true():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.02)


async def running(client: httpx.AsyncClient, number: int) -> bool:
    return (await client.get("/attendance/quick")).json() == {"running": number}


async def there(counted: bytes, app: Any) -> bool:
    return counted in generate_latest(app.state.service.metrics.registry)
