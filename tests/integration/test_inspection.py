"""What the commands say of a service that does not run: what it holds, what it lacks, how far it is behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest_asyncio
from typer.testing import CliRunner

from deploy.cli import app
from deploy.local.kafka import Kafka
from deploy.local.topics import create_topics
from services.reporting.commands.facts import rejoin
from services.reporting.facts import PROJECTION
from shared import repairs
from shared.clock import clock_for
from shared.database import Database
from shared.disowned import WHOLE
from shared.handling import HandlerContext
from shared.settings import load
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_facts_rebuild import a_week
from tests.kit.backing import temporary_state
from tests.kit.services import Signer


@pytest_asyncio.fixture
async def kafka() -> AsyncIterator[str]:
    """A broker of its own: of the session's, other tests' services have acknowledged what they read."""
    with temporary_state() as state:
        broker = Kafka(state)
        await broker.start()
        try:
            await create_topics(broker.bootstrap)
            yield broker.bootstrap
        finally:
            await broker.stop()


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def said(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


async def test_a_session_of_somebody_else_that_holds_the_outbox_is_named(postgres: str, db: Database) -> None:
    """PostgreSQL does not tell a service's role since when the sessions of other roles are idle."""
    name = urlsplit(db.url).path
    somebody: asyncpg.Connection = await asyncpg.connect(urlsplit(postgres)._replace(path=name).geturl())
    try:
        await somebody.execute("select pg_advisory_lock(hashtext('hadir.outbox.leader'))")
        code, out = await said({"HADIR_REPORTING_DATABASE_URL": db.url}, "outbox")
        assert code == 1
        assert f"(session {somebody.get_server_pid()}, of another role)" in out
    finally:
        await somebody.close()


async def test_what_a_stopped_service_lacks_is_named_until_it_is_read_again(
    kafka: str, db: Database, tmp_path: Path
) -> None:
    await a_week(kafka)
    env = {
        "HADIR_REPORTING_DATABASE_URL": db.url,
        "HADIR_KAFKA_BOOTSTRAP": kafka,
        "HADIR_TOKEN_PUBLIC_KEY_FILE": str(Signer().public_file(tmp_path)),
        "HADIR_STATE_DIR": str(tmp_path),
    }

    async def says(*arguments: str) -> tuple[int, str]:
        return await said(env, *arguments)

    async def does(statement: str) -> None:
        async with db.transaction() as tx:
            await tx.connection.execute(statement)

    code, out = await says("lag")
    assert (code, "schedule.changed.v1" in out, "acknowledged nothing yet" in out) == (0, True, True)
    code, out = await says("outbox")
    assert (code, "reporting: 0 rows wait; carried by NOBODY" in out) == (1, True)
    code, out = await says("check", "--facts")
    assert (code, "reporting: fact_plan (" in out, "): missing" in out) == (1, True, True)
    assert "records behind: see `hadir lag`" in out

    code, empty = await says("digest", "--all")
    assert (code, empty.split()[0]) == (0, "reporting")
    assert (await says("rebuild"))[0] == 0
    full = await says("digest", "--all")
    assert full != (0, empty)
    assert full == await says("digest", "--all")
    code, out = await says("check", "--facts")
    assert (code, "0 are not those of the log" in out) == (0, True), out

    await does(
        "update fact_plan set revision = revision - 1 where (employee_id, work_date) = "
        "(select employee_id, work_date from fact_plan order by employee_id, work_date limit 1)"
    )
    assert await says("digest", "--all") != full
    code, out = await says("check", "--facts", "--mend")
    assert (code, "): other" in out, "1 are not those of the log" in out) == (1, True, True), out
    async with db.transaction() as tx:
        wanted = await tx.connection.fetch("select topic from repair where event_id = $1", WHOLE)
    assert [row["topic"] for row in wanted] == ["schedule.changed.v1"]
    # What stands beside the same id and revision gives way too, once the service reads again.
    await does("update fact_plan set unit_id = 'PALSU'")
    code, out = await says("check", "--facts", "--mend")
    assert (code, "): other" in out) == (1, True), out
    settings = load("reporting", env)
    context = HandlerContext(settings, db, clock_for(settings.state_dir, None), Metrics("reporting"))
    assert await repairs.settle(PROJECTION, rejoin, context) == 1
    code, out = await says("check", "--facts")
    assert (code, "0 are not those of the log" in out) == (0, True), out
