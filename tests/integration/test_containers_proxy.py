"""The front door: prefixes pass unchanged, events stream as they come, the inside stays inside."""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from deploy.local.processes import free_port
from tests.debian import debian_tool

pytestmark = pytest.mark.asyncio(loop_scope="session")
CADDYFILE = Path(__file__).parents[2] / "deploy" / "proxy" / "Caddyfile"
SERVICES = ("scheduling", "attendance", "reporting", "notifications")


class Upstream:
    """A service that tells which request line reached it, and streams two events, the second on demand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.go_on = asyncio.Event()
        self.port = free_port()
        self.bodies: list[int] = []
        self.schemes: list[str] = []

    async def __aenter__(self) -> "Upstream":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line = head.splitlines()[0].rsplit(" ", 1)[0]
        if line.endswith("/stream"):
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n"
            )
            await writer.drain()
            await self.go_on.wait()
            writer.write(b"data: 2\n\n")
        else:
            self.schemes += re.findall(r"x-forwarded-proto: (\w+)", head, re.IGNORECASE)
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            with contextlib.suppress(asyncio.IncompleteReadError):
                self.bodies.append(len(await reader.readexactly(int(length[1]) if length else 0)))
            body = f"{self.name} {line}".encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
            )
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, dict[str, Upstream]]]:
    folder = tmp_path_factory.mktemp("caddy")
    caddy, port = debian_tool("caddy", "usr/bin/caddy"), free_port()
    upstreams = {name: Upstream(name) for name in SERVICES}
    for upstream in upstreams.values():
        await upstream.__aenter__()
    environ = {f"HADIR_PROXY_{name.upper()}": f"127.0.0.1:{one.port}" for name, one in upstreams.items()}
    environ |= {"HADIR_PROXY_PORT": str(port), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(caddy, "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"),
            env=environ,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url) as client:
            for _ in range(200):
                assert process.returncode is None, (folder / "log").read_text()
                try:
                    await client.get("/")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        yield url, upstreams
    finally:
        process.terminate()
        await process.wait()
        for upstream in upstreams.values():
            await upstream.__aexit__()


async def test_each_prefix_reaches_its_service_unchanged(door: tuple[str, dict[str, Upstream]]) -> None:
    async with httpx.AsyncClient(base_url=door[0]) as client:
        for name in SERVICES:
            path = f"/{name}/v1/me%2Fx?date=2025-11-06&q=%C3%A9"
            assert (await client.get(path)).text == f"{name} GET {path}"


async def test_the_path_that_terminals_have_built_in_reaches_attendance(
    door: tuple[str, dict[str, Upstream]],
) -> None:
    async with httpx.AsyncClient(base_url=door[0]) as client:
        path = "/iclock/cdata?SN=BAZR192360015&options=all"
        assert (await client.get(path)).text == f"attendance GET {path}"


async def test_the_catalogue_of_events_is_at_reporting(door: tuple[str, dict[str, Upstream]]) -> None:
    async with httpx.AsyncClient(base_url=door[0]) as client:
        assert (await client.get("/events/asyncapi.json")).text == "reporting GET /events/asyncapi.json"


async def test_the_root_leads_to_the_board_and_strangers_get_nothing(
    door: tuple[str, dict[str, Upstream]],
) -> None:
    async with httpx.AsyncClient(base_url=door[0]) as client:
        root = await client.get("/")
        assert (root.status_code, root.headers["location"]) == (307, "/reporting/")
        assert (await client.get("/elsewhere/v1")).status_code == 404
        for name in SERVICES:
            assert (await client.get(f"/{name}/metrics")).status_code == 404


async def test_a_service_hears_whether_the_browser_came_by_https(door: tuple[str, dict[str, Upstream]]) -> None:
    """The session cookie is marked Secure by it. TLS ends here, or at a proxy of the same house in front."""
    async with httpx.AsyncClient(base_url=door[0]) as client:
        for name in SERVICES:
            door[1][name].schemes.clear()
            await client.get(f"/{name}/v1/x")
            await client.get(f"/{name}/v1/x", headers={"X-Forwarded-Proto": "https"})
            assert door[1][name].schemes == ["http", "https"]


async def test_events_pass_before_the_stream_ends(door: tuple[str, dict[str, Upstream]]) -> None:
    url, upstreams = door
    async with (
        httpx.AsyncClient(base_url=url, timeout=10) as client,
        client.stream("GET", "/reporting/v1/stream") as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: 1"  # the service is still waiting: nothing was held back
        upstreams["reporting"].go_on.set()
        assert [line async for line in lines if line] == ["data: 2"]


async def test_a_body_above_the_largest_import_is_refused(door: tuple[str, dict[str, Upstream]]) -> None:
    url, upstreams = door
    path, largest, larger = "/scheduling/v1/imports/employees", 32 * 1024 * 1024, 41_000_000
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        assert (await client.post(path, content=b"x" * largest)).status_code == 200
        # The door may break off while the client still sends: then there is no answer to read.
        with contextlib.suppress(httpx.TransportError):
            answer = await client.post(path, content=b"x" * larger)
            assert answer.status_code in (413, 502)  # older Caddys call it a bad gateway
    assert upstreams["scheduling"].bodies[-1] == largest


async def test_the_caddyfile_is_valid() -> None:
    caddy = debian_tool("caddy", "usr/bin/caddy")
    command = [caddy, "validate", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: ASYNC221
    assert checked.returncode == 0, checked.stderr
