"""The durable check-in over HTTP, each request with a token of its own, against the same door through the ORM."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import load
from bench.builds import Build
from bench.harness import Machine, Phases, console, machine
from shared.auth import sign
from shared.dates import WIB

PEOPLE = 12_000
CHECK_INS = {"intake": 12_000, "orm": 3_000}
CONNECTIONS = 128
MODULES = {"intake": "services.attendance", "orm": "bench.orm_intake"}


async def directory(url: str) -> list[uuid.UUID]:
    """Facts of PEOPLE in 300 units with a plan for today; returns their ids."""
    people = [uuid.uuid4() for _ in range(PEOPLE)]
    today = datetime.now(WIB).date()
    starts, ends = (datetime(today.year, today.month, today.day, hour, tzinfo=WIB) for hour in (8, 16))
    connection: asyncpg.Connection = await asyncpg.connect(url)
    place = json.dumps([{"lat": -6.24, "lon": 107.0, "radius_m": 100}])
    try:
        await connection.execute(
            "insert into unit_fact (unit_id, opd_code, places, revision, ce_id)"
            " select 'U' || n, 'OPD', $1, 1, gen_random_uuid() from generate_series(0, 299) as n",
            place,
        )
        await connection.execute(
            "insert into employee_fact"
            " (employee_id, opd_code, unit_id, heads, remote_places, active, revision, ce_id)"
            " select person, 'OPD', 'U' || n % 300, '[]', '[]', true, 1, gen_random_uuid()"
            " from unnest($1::uuid[]) with ordinality as given(person, n)",
            people,
        )
        await connection.execute(
            "insert into plan_fact"
            " (employee_id, work_date, opd_code, unit_id, starts_at, ends_at, revision, ce_id)"
            " select employee_id, $1, opd_code, unit_id, $2, $3, 1, gen_random_uuid() from employee_fact",
            today,
            starts,
            ends,
        )
        await connection.execute("analyze")
    finally:
        await connection.close()
    return people


def key_pair(folder: Path) -> Ed25519PrivateKey:
    """A signing key; its public half lies in `folder`/public.pem."""
    key = Ed25519PrivateKey.generate()
    (folder / "public.pem").write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return key


@asynccontextmanager
async def serving(build: Build, module: str, here: Machine, url: str) -> AsyncGenerator[int, None]:
    """The service in a process of its own; yields its port once it is ready."""
    from deploy.local.processes import free_port

    port = free_port()
    environment = {
        "HADIR_ATTENDANCE_DATABASE_URL": url,
        "HADIR_KAFKA_BOOTSTRAP": here.kafka,
        "HADIR_TOKEN_PUBLIC_KEY_FILE": str(here.folder / "public.pem"),
        "HADIR_STATE_DIR": str(here.folder),
        "HADIR_PORT": str(port),
        "HADIR_LOG_LEVEL": "WARNING",
    }
    process = await build.start("-m", module, env=environment)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get("/attendance/readyz")).status_code == 200:
                        break
                if time.monotonic() > deadline or process.returncode is not None:
                    raise RuntimeError(f"{module} did not become ready")
                await asyncio.sleep(0.1)
        yield port
    finally:
        process.terminate()
        await process.wait()


def check_ins(key: Ed25519PrivateKey, people: list[uuid.UUID], count: int) -> list[bytes]:
    """`count` requests, each a new punch with a token that no request before has carried."""
    made: list[bytes] = []
    for number in range(count):
        person = people[number % len(people)]
        body = {
            "punch_id": str(uuid.uuid4()),
            "kind": "in",
            "device_at": datetime.now(UTC).isoformat(),
            "position": {"lat": -6.24, "lon": 107.0, "accuracy_m": 12.0},
        }
        token = sign(key, role="staff", subject=person, ttl_s=3600 + number)
        made.append(load.request("/attendance/v1/punches", json.dumps(body).encode(), token))
    return made


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """A database with the same people for each build; one service at a time, in a process of its own."""
    async with machine() as here:
        key = key_pair(here.folder)
        urls: dict[str, str] = {}
        people: dict[str, list[uuid.UUID]] = {}
        for build in builds:
            url = urls[build.name] = await here.database(f"bench_attendance_{build.name}")
            await build.migrate(url, "attendance")
            people[build.name] = await directory(url)
        console.print(f"  {PEOPLE:,} people; {CHECK_INS['intake']:,} and {CHECK_INS['orm']:,} check-ins a turn")

        async def turn(build: Build) -> dict[str, float]:
            async def one(kind: str) -> float:
                requests = check_ins(key, people[build.name], CHECK_INS[kind])
                async with serving(build, MODULES[kind], here, urls[build.name]) as port:
                    await load.run("127.0.0.1", port, requests[:200], connections=16)
                    answers = await load.run("127.0.0.1", port, requests[200:], connections=CONNECTIONS)
                if set(answers.statuses) != {201}:
                    raise RuntimeError(f"not every check-in was recorded: {dict(answers.statuses)}")
                return len(answers.latencies_s) / answers.elapsed_s

            intake, orm = await one("intake"), await one("orm")
            return {
                "intake_checkins_per_s": intake,
                "intake_orm_checkins_per_s": orm,
                "intake_vs_orm": intake / orm,
            }

        yield {build.name: [partial(turn, build)] for build in builds}
