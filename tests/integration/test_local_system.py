"""`hadir up`: one command, one port, one Ctrl-C; what is killed comes back, and what is stopped is gone."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import uvicorn
from aiokafka import AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deploy.local.front import Front, Proxy, proxy_client
from deploy.local.hosted import ensure_key
from deploy.local.processes import free_port, identity
from deploy.local.state import State
from shared import heartbeat
from shared.auth import Authenticator
from shared.events import HEARTBEAT, RulesChanged
from shared.events.base import SERVICES
from shared.events.envelope import encode
from tests.kit.backing import temporary_state

pytestmark = pytest.mark.asyncio(loop_scope="session")
HADIR = [sys.executable, "-c", "from deploy.entry import main; main()"]


@dataclass
class Up:
    """A running `hadir up --json`."""

    process: subprocess.Popen[str]
    http: str
    kafka: str
    postgres: str

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def environment(state: State) -> dict[str, str]:
    rest = {k: v for k, v in os.environ.items() if not k.startswith("HADIR_") or k == "HADIR_CACHE_DIR"}
    return {**rest, "HADIR_STATE_DIR": str(state.root)}


@contextmanager
def up(state: State, *options: str, **variables: str) -> Generator[Up]:
    log = (state.root.parent / "up.log").open("a")
    process = subprocess.Popen(
        [*HADIR, "up", "--json", *options],
        env=environment(state) | variables,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"it did not start:\n{(state.root.parent / 'up.log').read_text()[-3000:]}"
        yield Up(process, **json.loads(line))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)
        log.close()


def run(state: State, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = environment(state) | variables
    return subprocess.run([*HADIR, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)


async def all_ready(base: str) -> bool:
    async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False) as client:
        try:
            answers = [await client.get(f"/{name}/readyz") for name in SERVICES]
        except httpx.TransportError:
            return False
    return all(answer.status_code == 200 for answer in answers)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.1)


async def pid_of(state: State, part: str) -> int:
    return int(state.running().pids[part])


async def killed_and_back(state: State, base: str, part: str) -> None:
    before = state.running().pids[part]
    os.kill(before, signal.SIGKILL)

    async def back() -> bool:
        return state.running().pids[part] != before and await all_ready(base)

    await eventually(back)


async def test_it_starts_says_where_survives_kills_and_one_interrupt_stops_all() -> None:
    with temporary_state() as state:
        with up(state) as system:
            assert await all_ready(system.http)
            assert state.system_file.stat().st_mode & 0o077 == 0
            async with httpx.AsyncClient(base_url=system.http, trust_env=False) as client:
                front = await client.get("/")
                assert (front.status_code, front.headers["location"]) == (307, "/reporting/")
                nowhere = await client.get("/nowhere/v1/x")
                assert nowhere.status_code == 404
                assert nowhere.headers["content-type"] == "application/problem+json"
            second = run(state, "up", "--json")
            assert second.returncode == 1
            assert f"in use by process {system.process.pid}" in second.stderr
            await killed_and_back(state, system.http, "kafka")
            await killed_and_back(state, system.http, "postgres")
            resident = sum(p.memory_info().rss for p in [psutil.Process(system.process.pid), *system.family()])
            assert resident < 1.5 * 2**30
            family = system.family()
            system.process.send_signal(signal.SIGINT)
            assert system.process.wait(30) == 0
            assert [p for p in family if identity(p.pid)] == []
        assert "start it with `hadir up`" in run(state, "tail", "rules.changed.v1").stderr
        with up(state) as again:
            assert (again.http, again.kafka, again.postgres) == (system.http, system.kafka, system.postgres)


@pytest.mark.long
async def test_with_processes_each_service_comes_back_and_a_killed_run_leaves_nothing() -> None:
    with temporary_state() as state:
        with up(state, "--processes") as system:
            assert await all_ready(system.http)
            assert set(state.running().pids) == {"kafka", "postgres", *SERVICES}
            for part in ("attendance", "kafka", "postgres"):
                await killed_and_back(state, system.http, part)
            family = system.family()
            system.process.kill()
            system.process.wait()

            async def gone() -> bool:
                return not any(identity(p.pid) for p in family)

            await eventually(gone, 30)
        with up(state) as again:
            assert await all_ready(again.http)


@pytest.mark.long
async def test_several_processes_of_attendance_share_a_port_and_one_that_is_killed_is_missed_by_nobody() -> None:
    with temporary_state() as state:
        assert "--processes" in run(state, "up", "--workers", "2").stderr
        with up(state, "--processes", "--workers", "2") as system:
            assert set(state.running().pids) == {"kafka", "postgres", *SERVICES, "attendance.2"}
            shared = state.ports()["attendance"]
            # Both listen there, and each for itself besides: its health and its metrics are asked for alone.
            workers = {part: state.running().pids[part] for part in ("attendance", "attendance.2")}
            heard = {part: listening(pid) for part, pid in workers.items()}
            assert [shared in ports for ports in heard.values()] == [True, True]
            own = {part: (ports - {shared}).pop() for part, ports in heard.items()}
            assert len(set(own.values())) == 2
            for port in own.values():
                assert await answers(port, "metrics") == 200
            await killed_and_back(state, system.http, "attendance.2")
            os.kill(workers["attendance"], signal.SIGKILL)
            while identity(workers["attendance"]):  # noqa: ASYNC110 - the kernel sets no Event
                await asyncio.sleep(0.01)
            # Each by a connection of its own: only one that is alive is asked.
            assert {await answers(shared, "livez") for _ in range(20)} == {200}
            family = system.family()
            system.process.send_signal(signal.SIGINT)
            assert system.process.wait(30) == 0
            assert [p for p in family if identity(p.pid)] == []


async def answers(port: int, door: str) -> int:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        return (await client.get(f"/attendance/{door}")).status_code


def listening(pid: int) -> set[int]:
    """The ports that a process listens on."""
    found = psutil.Process(pid).net_connections("tcp")
    return {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}


async def test_what_it_must_keep_to_itself_is_private_and_its_tokens_are_believed() -> None:
    with temporary_state() as state:
        assert "`hadir up` makes it" in run(state, "token", "--role", "bkpsdm").stderr
        ensure_key(state)
        state.password("attendance")
        for secret in ("token-key.pem", "passwords.json"):
            assert (state.root / secret).stat().st_mode & 0o077 == 0, secret
        employee = uuid4()
        made = run(state, "token", "--role", "opd_admin", "--employee", str(employee), "--opd", "4.01")
        who = Authenticator.from_file(state.public_key).verify(made.stdout.strip())
        assert (who.role, who.subject, who.opd) == ("opd_admin", employee, "4.01")


async def test_an_unknown_topic_is_answered_with_the_topics_there_are() -> None:
    with temporary_state() as state:
        answer = run(state, "tail", "nonsense")
        assert answer.returncode == 2
        assert "rules.changed.v1" in answer.stderr


async def test_tail_prints_each_record_with_its_envelope_and_whatever_is_in_it_and_heartbeats_where_asked(
    kafka: str,
) -> None:
    event = RulesChanged(
        rules_version="2025-1",
        effective_from=date(2025, 1, 1),
        tolerance_minutes=0,
        report_modes=["WFO"],
        report_cutoff="17:00",
        review_sla_working_days=3,
    )
    message = encode(event, id=uuid4(), time=datetime(2025, 1, 1, tzinfo=UTC), source="/hadir/scheduling")
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        dead = "notification.sent.v1.dead"  # nobody else writes there
        await producer.send_and_wait(dead, message.value, key=message.key, headers=message.headers)
        beat = [("ce_type", HEARTBEAT.encode())]
        await producer.send_and_wait(dead, None, key=heartbeat.keys(1)[0].encode(), headers=beat)
        await producer.send_and_wait(dead, b"\xff not JSON", key=None, headers=[("broken", None)])
    finally:
        await producer.stop()
    with temporary_state() as state:
        shown = run(state, "tail", dead, "--from-start", "--limit", "2", HADIR_KAFKA_BOOTSTRAP=kafka)
        assert shown.returncode == 0, shown.stderr
        first, second = (json.loads(line) for line in shown.stdout.splitlines())
        with_beats = run(
            state, "tail", dead, "--from-start", "--limit", "3", "--heartbeats", HADIR_KAFKA_BOOTSTRAP=kafka
        )
        assert with_beats.returncode == 0, with_beats.stderr
        every = [json.loads(line) for line in with_beats.stdout.splitlines()]
        assert [every[0], every[2]] == [first, second], "and the heartbeat stands between them"
        assert (every[1]["value"], every[1]["headers"]) == (None, {"ce_type": HEARTBEAT})
        assert first["key"] == "2025-1"
        assert first["value"]["effective_from"] == "2025-01-01"
        assert first["headers"]["ce_type"] == "rules.changed.v1"
        assert (second["key"], second["value"], second["headers"]) == (None, "\\xff not JSON", {"broken": None})
        counted = run(state, "topics", HADIR_KAFKA_BOOTSTRAP=kafka)
        assert "rules.changed.v1" in counted.stdout
        assert "nothing, all were there" in run(state, "create-topics", HADIR_KAFKA_BOOTSTRAP=kafka).stdout


async def test_check_config_lists_every_wrong_variable_at_once() -> None:
    with temporary_state() as state:
        answer = run(state, "check-config", "reporting", HADIR_KAFKA_BOOTSTRAP="no-port")
        assert answer.returncode == 1
        for name in ("HADIR_REPORTING_DATABASE_URL", "HADIR_KAFKA_BOOTSTRAP", "HADIR_TOKEN_PUBLIC_KEY_FILE"):
            assert name in answer.stderr


# --- the front proxy of --processes ----------------------------------------------------------------------


async def echo(request: Request) -> Response:
    body = await request.body()
    headers = {k: v for k, v in request.headers.items() if k.startswith(("x-", "cookie", "authorization"))}
    path = request.scope["raw_path"].decode()
    shown: Mapping[str, Any] = {"path": path, "query": request.url.query, "size": len(body), "headers": headers}
    return JSONResponse(shown, 201, headers={"set-cookie": "a=b; HttpOnly"})


@pytest.fixture
async def upstream() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A service behind the proxy: the address of the front, and an event set when its event stream was left."""
    left = asyncio.Event()

    async def stream(_: Request) -> Response:
        async def events() -> AsyncIterator[str]:
            try:
                number = 0
                while True:
                    yield f"data: {number}\n\n"
                    number += 1
                    await asyncio.sleep(0.02)
            finally:
                left.set()

        return StreamingResponse(events(), media_type="text/event-stream")

    routes = [Route("/one/stream", stream), Route("/one/{rest:path}", echo, methods=["GET", "POST"])]
    behind, ahead, dead = free_port(), free_port(), free_port()
    async with proxy_client() as client:
        apps = {
            "one": Proxy(client, lambda: ("127.0.0.1", behind)),
            "dead": Proxy(client, lambda: ("127.0.0.1", dead)),
        }
        servers = [
            uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off", proxy_headers=False))
            for app, port in ((Starlette(routes=routes), behind), (Front(apps), ahead))
        ]
        tasks = [asyncio.create_task(server.serve()) for server in servers]
        while not all(server.started for server in servers):  # noqa: ASYNC110 - uvicorn has no Event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{ahead}", left
        for server in reversed(servers):
            server.should_exit = True
        await asyncio.gather(*tasks)


async def test_the_proxy_rewrites_nothing_and_says_whom_it_speaks_for(upstream: tuple[str, asyncio.Event]) -> None:
    base, _ = upstream
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        answer = await client.post(
            "/one/a%2Fb?x=1&x=%20",
            content=b"z" * 300_000,
            headers={"Authorization": "Bearer t", "X-Forwarded-For": "6.6.6.6", "Cookie": "hadir_session=s"},
        )
        assert answer.status_code == 201
        assert answer.headers["set-cookie"] == "a=b; HttpOnly"
        seen = answer.json()
        assert (seen["path"], seen["query"], seen["size"]) == ("/one/a%2Fb", "x=1&x=%20", 300_000)
        assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
        assert seen["headers"]["authorization"] == "Bearer t"
        assert seen["headers"]["cookie"] == "hadir_session=s"


async def test_event_streams_pass_the_proxy_as_they_come_and_end_when_the_browser_leaves(
    upstream: tuple[str, asyncio.Event],
) -> None:
    base, left = upstream
    async with (
        httpx.AsyncClient(base_url=base, trust_env=False) as client,
        client.stream("GET", "/one/stream") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        seen = [line async for line in _take(lines, 6) if line]
        assert seen == ["data: 0", "data: 1", "data: 2"]
        assert not left.is_set()
    await asyncio.wait_for(left.wait(), 10)


async def _take(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        count -= 1
        if count == 0:
            return


async def test_a_service_that_is_being_started_again_is_a_503_that_says_when_to_come_back(
    upstream: tuple[str, asyncio.Event],
) -> None:
    base, _ = upstream
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        answer = await client.get("/dead/v1/x")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["detail"]
