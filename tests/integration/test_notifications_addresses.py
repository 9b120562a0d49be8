"""Where people are reached comes with the directory, of people who were heard of before that too; and it goes."""

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import alembic.command
import pytest
from alembic.config import Config
from msgspec import structs

from services.notifications.commands import notices
from services.notifications.facts import PROJECTION
from shared import disowned, repairs
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.database import Database
from shared.events import EmployeeChanged, OutageDeclared, Received, Scope
from tests.conftest import DatabaseFor
from tests.kit.disowning import NOW, Logs, context_of, disowning

pytestmark = pytest.mark.asyncio(loop_scope="session")
MIGRATIONS = Path(__file__).parents[2] / "services" / "notifications" / "migrations"


def employee(person: UUID, revision: int = 1, email: str | None = "budi@bekasikota.go.id") -> Received:
    event = EmployeeChanged(
        employee_id=person,
        revision=revision,
        nip="199001012015011001",
        name="Budi",
        opd_code="DISDIK",
        unit_id="DISDIK-A",
        employment="PNS",
        email=email,
        phone="+6281200000001",
    )
    return Received(event, uuid4(), event.topic, "/hadir/scheduling", NOW, event.key, None)


async def addresses(db: Database) -> dict[UUID, tuple[str | None, str | None]]:
    async with db.read() as tx:
        rows = await tx.connection.fetch("select employee_id, email, phone from recipient")
    return {row["employee_id"]: (row["email"], row["phone"]) for row in rows}


async def hear(context: HandlerContext, *events: Received) -> None:
    await notices.tell(list(events), context)


async def upgraded(db: Database) -> None:
    """As if everything had been heard by a build that kept no addresses."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = db.url
    await asyncio.to_thread(alembic.command.downgrade, config, "0005")
    await asyncio.to_thread(alembic.command.upgrade, config, "head")


async def test_people_heard_of_before_get_their_addresses_from_the_log(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    context = replace(context_of("notifications", db), clock=FixedClock(NOW))
    budi, ani, gone = uuid4(), uuid4(), uuid4()
    erased = structs.replace(employee(gone), given=None, id=uuid4())
    false = employee(ani, 2, "palsu@example.org")
    outage = OutageDeclared(
        outage_id=uuid4(),
        revision=1,
        scope=Scope(all=True),
        starts_at=NOW,
        ends_at=NOW.replace(hour=12),
        reason="network",
        declared_by="BKPSDM",
        revoked=False,
    )
    declared = Received(outage, uuid4(), outage.topic, "/hadir/attendance", NOW, outage.key, None)
    log = [employee(budi), employee(ani, email="ani@bekasikota.go.id"), employee(gone), erased, false]
    await hear(context, *log, declared, disowning(false.id, false.type))
    await repairs.settle(PROJECTION, notices.rejoin, context, Logs(log).open)
    async with db.read() as tx:
        before = await tx.connection.fetch("select * from recipient order by employee_id")
        told = await tx.connection.fetchval("select count(*) from message")
    assert told == 2
    await upgraded(db)
    assert set((await addresses(db)).values()) == {(None, None)}

    assert await repairs.settle(PROJECTION, notices.rejoin, context, Logs(log).open) == 1
    assert await addresses(db) == {
        budi: ("budi@bekasikota.go.id", "+6281200000001"),
        ani: ("ani@bekasikota.go.id", "+6281200000001"),
        gone: (None, None),
    }
    async with db.read() as tx:
        assert await disowned.waiting(tx) == []
        assert await tx.connection.fetch("select * from recipient order by employee_id") == before
        assert await tx.connection.fetchval("select count(*) from message") == told


async def test_a_house_that_knows_nobody_reads_nothing_again(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    await upgraded(db)
    async with db.read() as tx:
        assert await disowned.waiting(tx) == []


async def test_an_erased_person_is_reached_nowhere(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    context = replace(context_of("notifications", db), clock=FixedClock(NOW))
    budi = uuid4()
    known = employee(budi)
    await hear(context, known)
    assert await addresses(db) == {budi: ("budi@bekasikota.go.id", "+6281200000001")}
    await hear(context, structs.replace(known, given=None, id=uuid4()))
    assert await addresses(db) == {budi: (None, None)}
