"""`hadir repair`: two named officers, what it did, what to do next; what goes wrong is one line with the mend."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import uvicorn
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from deploy.cli import app
from deploy.local.hosted import ensure_key
from deploy.local.state import Running, State
from services.scheduling.app import create_app
from shared.clock import FixedClock
from shared.database import Database
from shared.events import Message, UnitChanged, encode
from shared.log import reading
from shared.settings import Settings
from tests.conftest import DatabaseFor
from tests.kit.backing import temporary_state
from tests.kit.disowning import NOW

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANI, BUDI = str(uuid4()), str(uuid4())
TWO = ("--officer", ANI, "--second", BUDI)
FORGED = ("--topic", "directory.unit.v1", "--reason", "forged")


@dataclass(frozen=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


@dataclass
class Local:
    """A scheduling service that the command takes for the system that runs here."""

    state: State
    kafka: str
    db: Database

    async def hadir(self, *arguments: str) -> Answer:
        return await asyncio.to_thread(called, self.state, *arguments)

    async def disowned(self) -> int:
        async with self.db.read() as tx:
            return await tx.connection.fetchval("select count(*) from disowned")


def called(state: State, *arguments: str) -> Answer:
    """The command within this process: a new one for each case would take most of the time."""
    result = CliRunner().invoke(app, arguments, env={"HADIR_STATE_DIR": str(state.root), "COLUMNS": "300"})
    return Answer(result.exit_code, result.stdout, result.stderr)


@pytest_asyncio.fixture(loop_scope="session")
async def local(kafka: str, database_for: DatabaseFor) -> AsyncIterator[Local]:
    database = await database_for("scheduling")
    with temporary_state() as state:
        settings = Settings(
            service="scheduling",
            database_url=database.url,
            kafka_bootstrap=kafka,
            token_public_key_file=ensure_key(state),
            state_dir=state.root,
        )
        server = uvicorn.Server(uvicorn.Config(create_app(settings, FixedClock(NOW)), log_config=None))
        listener = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            state.publish(Running(f"http://127.0.0.1:{listener.getsockname()[1]}", kafka, database.url, {}))
            yield Local(state, kafka, database)
        finally:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            listener.close()


async def published(kafka: str, ce_id: UUID, count: int) -> list[dict[str, object]]:
    """What was published about an event, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            found: list[dict[str, object]] = []
            async with reading({"bootstrap_servers": kafka}, ["record.disowned.v1"]) as log:
                async for records in log.upto(await log.ends()):
                    found += [json.loads(one.value or b"") for one in records if one.key == str(ce_id).encode()]
            if len(found) >= count:
                return found


async def test_it_disowns_an_event_shows_what_it_did_and_takes_it_back(local: Local) -> None:
    ce_id, unit_id = uuid4(), f"UJI-{uuid4().hex[:8]}"
    forged = UnitChanged(
        unit_id=unit_id, revision=2**40, opd_code="9.01", opd_name="Uji", name="PALSU", is_service_point=False
    )
    await send(local.kafka, encode(forged, id=ce_id, time=NOW, source="/hadir/scheduling"))

    done = await local.hadir("repair", "disown", str(ce_id), *FORGED, *TWO)
    assert done.returncode == 0, done.stderr
    for words in (f"key {unit_id}", f"proposed by {ANI}", f"approved by {BUDI}", f"hadir repair own {ce_id}"):
        assert words in done.stdout
    again = await local.hadir("repair", "disown", str(ce_id), *FORGED, *TWO)
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
    assert again.stderr.count("disowned already") == 1

    back = await local.hadir("repair", "own", str(ce_id), *TWO)
    assert back.returncode == 0, back.stderr
    said = await published(local.kafka, ce_id, 2)
    assert [(one["revision"], one["revoked"], one["topic"]) for one in said] == [
        (1, False, "directory.unit.v1"),
        (2, True, "directory.unit.v1"),
    ]
    twice = await local.hadir("repair", "own", str(ce_id), *TWO)
    assert (twice.returncode, "revoked already" in twice.stderr) == (1, True)


async def send(kafka: str, message: Message) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(message.topic, message.value, key=message.key, headers=message.headers)
    finally:
        await producer.stop()


async def test_an_event_that_never_came_is_disowned_only_where_that_is_meant(local: Local) -> None:
    ce_id = uuid4()
    refused = await local.hadir("repair", "disown", str(ce_id), *FORGED, *TWO)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "hadir tail directory.unit.v1 --from-start" in refused.stderr
    done = await local.hadir("repair", "disown", str(ce_id), *FORGED, *TWO, "--unseen")
    assert done.returncode == 0, done.stderr
    assert len(await published(local.kafka, ce_id, 1)) == 1


async def test_what_is_wrong_is_said_in_one_line_and_nothing_is_done(local: Local) -> None:
    some = str(uuid4())
    same = ("--officer", ANI, "--second", ANI)
    for arguments, words in (
        (("disown", some, *FORGED), "--officer ID proposes, --second ID approves"),
        (("disown", some, *FORGED, "--officer", ANI), "--second ID approves"),
        (("disown", some, *FORGED, *same), "name another officer in --second"),
        (("own", some, *same), "name another officer in --second"),
        (("own", some, *TWO), "never disowned"),
        (("disown", some, *FORGED[:2], "--reason", "two words", *TWO, "--unseen"), "reason:"),
    ):
        answer = await local.hadir("repair", *arguments)
        line = answer.stderr.splitlines()[-1]
        assert (answer.returncode, line.startswith("hadir: "), words in line) == (1, True, True), answer.stderr
        assert "Traceback" not in answer.stderr
    for arguments in (
        ("disown", "42", *FORGED, *TWO),
        ("disown", some, "--topic", "no.such.v1", "--reason", "forged", *TWO),
        ("disown", some, "--topic", "record.disowned.v1", "--reason", "forged", *TWO),
    ):
        answer = await local.hadir("repair", *arguments)
        assert (answer.returncode, "Traceback" in answer.stderr) == (2, False), answer.stderr
    assert await local.disowned() == 0


async def test_without_a_system_it_says_how_to_start_one() -> None:
    with temporary_state() as state:
        answer = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", "from deploy.cli import main; main()", "repair", "own", str(uuid4()), *TWO],
            env={**os.environ, "HADIR_STATE_DIR": str(state.root)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (answer.returncode, "start it with `hadir up`" in answer.stderr) == (1, True)
    assert len(answer.stderr.splitlines()) == 1
