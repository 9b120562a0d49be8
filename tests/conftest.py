"""Real servers for every test that needs one; nothing is ever skipped for want of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import hypothesis
import pytest_asyncio

from deploy.local.postgres import create_database
from deploy.local.topics import create_topics
from shared.database import Database, migrate
from tests.kit.backing import KAFKA_ADDRESS, POSTGRES_ADDRESS, choose, docker_answers, kafka_from, postgres_from

# No test is decided by time: how long an example takes says how busy the machine is.
hypothesis.settings.register_profile("hadir", deadline=None)
hypothesis.settings.load_profile("hadir")

DatabaseFor = Callable[[str], Awaitable[Database]]
ROOT = Path(__file__).parent.parent


@pytest_asyncio.fixture(scope="session")
async def kafka() -> AsyncIterator[str]:
    """The bootstrap address of one broker for the whole session, with the topics of the contract.

    Its topics are shared: a test tells its records by ids of its own, or makes topics with names of its own.
    """
    source = choose(KAFKA_ADDRESS, os.environ, lambda: docker_answers(os.environ))
    async with kafka_from(source, os.environ) as bootstrap:
        await create_topics(bootstrap)
        yield bootstrap


@pytest_asyncio.fixture(scope="session")
async def postgres() -> AsyncIterator[str]:
    """The administrator's URL of one PostgreSQL server for the whole session."""
    source = choose(POSTGRES_ADDRESS, os.environ, lambda: docker_answers(os.environ))
    async with postgres_from(source, os.environ) as url:
        yield url


@pytest_asyncio.fixture(scope="session")
async def migrated_template(postgres: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Names a database with a service's migrations applied: once a session, then copied for each test."""
    templates: dict[str, str] = {}

    async def template(service: str) -> str:
        if service not in templates:
            name = f"template_{service}_{uuid4().hex[:8]}"
            url = await make_database(postgres, name)
            await asyncio.to_thread(migrate, url, ROOT / "services" / service / "migrations")
            templates[service] = name
        return templates[service]

    yield template
    for name in templates.values():
        await drop_database(postgres, name)


@pytest_asyncio.fixture
async def database_for(
    postgres: str, migrated_template: Callable[[str], Awaitable[str]]
) -> AsyncIterator[DatabaseFor]:
    """`await database_for("attendance")`: a Database on a fresh, migrated database, gone after the test."""
    made: list[tuple[str, Database]] = []

    async def fresh(service: str) -> Database:
        name = f"{service}_{uuid4().hex[:12]}"
        url = await make_database(postgres, name, template=await migrated_template(service))
        database = Database(url)
        made.append((name, database))
        return database

    yield fresh
    for name, database in made:
        await database.close()
        await drop_database(postgres, name)


async def make_database(admin_url: str, name: str, template: str | None = None) -> str:
    """Make a database owned by a role that is no superuser, as in production; return its URL."""
    connection: asyncpg.Connection = await asyncpg.connect(admin_url)
    try:
        await create_database(connection, name, "test", template=template, role="hadir_test")
    finally:
        await connection.close()
    admin = urlsplit(admin_url)
    return f"postgresql://hadir_test:test@{admin.hostname}:{admin.port or 5432}/{name}"


async def drop_database(admin_url: str, name: str) -> None:
    connection: asyncpg.Connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()
