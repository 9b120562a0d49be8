"""`hadir messages dead`: what could not leave the house is seen without addresses, replayed, or let go."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from deploy import dead_messages
from services.notifications.channels import Outcome, Parcel
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.kit.delivering import FakeChannel, said, settled, states, subscriber, working
from tests.kit.services import NOBODY

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFFICER = uuid4()
Says = Callable[..., tuple[int, str]]


@pytest.fixture
def says(tmp_path: Path) -> Says:
    """Exit code and output of `hadir messages dead ...` on a database."""

    def run(db: Database, *arguments: str) -> tuple[int, str]:
        environment = {
            "HADIR_NOTIFICATIONS_DATABASE_URL": db.url,
            "HADIR_KAFKA_BOOTSTRAP": NOBODY,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": "unused",
            "HADIR_STATE_DIR": str(tmp_path),
        }
        result = CliRunner().invoke(dead_messages.app, ["dead", *arguments], env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output

    return run


async def three_dead(db: Database) -> list[UUID]:
    one = await subscriber(db)

    def does(parcel: Parcel) -> Outcome:
        return Outcome("unknown" if parcel.messages[0].kind == "counter.short" else "refused", "550 no such box")

    async with working(db, FakeChannel(does=does)):
        messages = await said(db, one, one)
        messages += await said(db, one, kind="counter.short")
        await settled(db, "dead", 3)
    return messages


async def in_thread(says: Says, db: Database, *arguments: str) -> tuple[int, str]:
    """The command has a loop of its own."""
    return await asyncio.to_thread(says, db, *arguments)


async def audited(db: Database) -> list[tuple[str, str, str, int]]:
    async with db.read() as tx:
        rows = await tx.connection.fetch("select action, officer, reason, detail from audit order by audit_id")
    return [(row["action"], row["officer"], row["reason"], row["detail"]["letters"]) for row in rows]


async def test_the_list_says_why_and_neither_whose_nor_what(database_for: DatabaseFor, says: Says) -> None:
    db = await database_for("notifications")
    await three_dead(db)
    code, out = await in_thread(says, db, "list")
    lines = out.splitlines()
    assert code == 0
    assert [line.split("  ")[-1] for line in lines] == ["unknown", "550 no such box", "550 no such box"]
    async with db.read() as tx:
        whose = await tx.connection.fetchval("select recipient from delivery limit 1")
    assert str(whose) not in out
    _, out = await in_thread(says, db, "list", "--error", "unknown")
    assert out.splitlines() == lines[:1]
    _, out = await in_thread(says, db, "show", lines[0].split("  ")[0])
    assert "error: unknown" in out
    assert str(whose) not in out


@pytest.mark.fault(20)
async def test_nothing_happens_before_it_was_said_twice_and_then_once(
    database_for: DatabaseFor, says: Says
) -> None:
    db = await database_for("notifications")
    messages = await three_dead(db)
    wanted = ("replay", "--error", "550", "--officer", str(OFFICER), "--reason", "kotak surat diperbaiki")
    _, out = await in_thread(says, db, *wanted)
    assert "2 by email would be handed over again" in out
    assert set((await states(db)).values()) == {"dead"}
    assert await audited(db) == []
    _, out = await in_thread(says, db, *wanted, "--yes")
    assert out == "2 handed over again\n"
    assert await states(db) == {messages[0]: "waiting", messages[1]: "waiting", messages[2]: "dead"}
    channel = FakeChannel()
    async with working(db, channel):
        await settled(db, "delivered", 2)
    assert channel.said == [messages[:2]]
    assert [parcel.attempt for parcel in channel.sent] == [1]
    _, out = await in_thread(says, db, *wanted, "--yes")
    assert "no dead letter is meant" in out
    assert await audited(db) == [("delivery.replayed", str(OFFICER), "kotak surat diperbaiki", 2)]


async def test_what_is_dropped_stays_so(database_for: DatabaseFor, says: Says) -> None:
    db = await database_for("notifications")
    await three_dead(db)
    wanted = ("drop", "--kind", "counter.short", "--officer", str(OFFICER), "--reason", "basi", "--yes")
    _, out = await in_thread(says, db, *wanted)
    assert out == "1 dropped\n"
    assert sorted((await states(db)).values()) == ["dead", "dead", "dropped"]
    assert await audited(db) == [("delivery.dropped", str(OFFICER), "basi", 1)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--way", "pos"), "there is no way pos"),
        (("list", "--kind", "x"), "there is no kind x"),
        (("show", str(uuid4())), "is no dead letter"),
        (("replay", "--reason", "x"), "Missing option '--officer'"),
        (("replay", "--officer", str(OFFICER), "--reason", ""), "say why"),
        (("drop", "--officer", str(OFFICER), "--reason", "x"), "no dead letter is meant"),
    ],
)
async def test_what_is_wrong_is_said(
    database_for: DatabaseFor, says: Says, arguments: tuple[str, ...], said: str
) -> None:
    code, out = await in_thread(says, await database_for("notifications"), *arguments)
    assert code != 0
    assert said in out
