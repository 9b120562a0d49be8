"""A process killed while it hands over, and a database that goes away meanwhile: nothing lost, nothing doubled."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from services.notifications.channels import Outcome, Parcel
from services.notifications.domain.kinds import Way
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.faults.part import kill, part
from tests.kit.delivering import FakeChannel, said, settled, states, subscriber, working
from tests.kit.kafka import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def leases_end(db: Database) -> None:
    """As if the time of a lease had gone by."""
    async with db.transaction() as tx:
        await tx.connection.execute("update delivery set lease_until = lease_until - interval '2 minutes'")
        await tx.connection.execute("select pg_notify('delivery', '')")


@pytest.mark.parametrize(("way", "becomes"), [("webhook", "delivered"), ("email", "dead")])
@pytest.mark.fault(11)
async def test_a_kill_in_mid_delivery_repeats_only_what_the_other_side_knows_again(
    database_for: DatabaseFor, tmp_path: Path, way: Way, becomes: str
) -> None:
    db, handed = await database_for("notifications"), tmp_path / "handed"
    messages = await said(db, await subscriber(db, way), kind="counter.short")
    async with part("deliver", db.url, way, str(handed)) as process:
        await eventually(handed.exists)
        await kill(process)
    assert await states(db) == {messages[0]: "sending"}
    channel = FakeChannel(way, repeats_safely=way == "webhook")
    async with working(db, channel):
        await leases_end(db)
        later = await said(db, await subscriber(db, way), kind="counter.short")
        await settled(db, "delivered", 2 if becomes == "delivered" else 1)
    # The sweep of what may not be repeated is the first thing that a worker does, and not the only time.
    async with working(db, channel):
        await settled(db, becomes, 2 if becomes == "delivered" else 1)
    assert await states(db) == {messages[0]: becomes, later[0]: "delivered"}
    ids = [str(parcel.id) for parcel in channel.sent]
    assert ids.count(str(messages[0])) == (1 if way == "webhook" else 0)
    assert handed.read_text() == str(messages[0])


async def test_what_was_handed_over_while_the_database_was_away_is_known_when_it_is_back(
    database_for: DatabaseFor, postgres: str
) -> None:
    db = await database_for("notifications")
    people = [await subscriber(db) for _ in range(5)]
    answer = asyncio.Event()

    async def does(_: Parcel) -> Outcome:
        await answer.wait()
        return Outcome("delivered")

    channel = FakeChannel(does=does)
    async with working(db, channel):
        messages = await said(db, *people, kind="counter.short")
        await channel.got(5)
        admin: asyncpg.Connection = await asyncpg.connect(postgres)
        try:
            name = db.url.rsplit("/", 1)[1]
            await admin.execute(f'alter database "{name}" with allow_connections false')
            await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
            answer.set()
            await eventually(lambda: len(channel.ended) == 5)
            await asyncio.sleep(0.2)  # it finds the database away
            await admin.execute(f'alter database "{name}" with allow_connections true')
        finally:
            await admin.close()
        await settled(db, "delivered", 5)
    assert sorted(parcel.id for parcel in channel.sent) == sorted(messages)
