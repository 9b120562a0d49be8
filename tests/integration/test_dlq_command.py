"""`hadir dlq`: what a service refused is seen without what it says, read again in its place, or let go; once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from deploy import dlq
from deploy.kafka import access
from shared import set_aside
from shared.bus import Router
from shared.database import Database
from shared.events import Message, Topic
from shared.set_aside import Place
from tests.conftest import DatabaseFor
from tests.integration.test_bus_poison import Fails, Keeps
from tests.kit.copying import everything
from tests.kit.kafka import eventually, message, plan_event, probe_topic, produce, running_bus

OFFICER = uuid4()
NIP = "198001012005011001"


@dataclass
class Rig:
    """A consumer that refused two records of five: one that it could not handle, and one that nobody can read."""

    kafka: str
    db: Database
    topic: Topic
    keeps: Keeps
    messages: list[Message]
    folder: Path

    async def says(self, *arguments: object) -> tuple[int, str]:
        """Exit code and output; the command has a loop of its own."""

        environment = {
            "HADIR_ATTENDANCE_DATABASE_URL": self.db.url,
            "HADIR_KAFKA_BOOTSTRAP": self.kafka,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": "unused",
            "HADIR_STATE_DIR": str(self.folder),
        }

        def run() -> tuple[int, str]:
            result = CliRunner().invoke(dlq.app, [*map(str, arguments)], env=environment)
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            return result.exit_code, result.output

        return await asyncio.to_thread(run)

    def place(self, offset: int) -> str:
        return str(Place(self.topic.name, 0, offset))

    async def audited(self) -> list[tuple[str, str, str, str, int]]:
        async with self.db.read() as tx:
            rows = await tx.connection.fetch("select * from audit order by audit_id")
        return [
            (row["action"], row["officer"], row["subject"], row["reason"], row["detail"]["letters"])
            for row in rows
        ]


RigOf = Callable[[], Awaitable[Rig]]


def ce_id(one: Message) -> UUID:
    return UUID(dict(one.headers)["ce_id"].decode())


REFUSED, UNREADABLE = 1, 3
WHY = ("--officer", OFFICER, "--reason", "pembaca diperbaiki")


@pytest.fixture
def rig_of(database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RigOf:
    async def made() -> Rig:
        db = await database_for("attendance")
        topic = await probe_topic(monkeypatch, kafka, partitions=1)
        keeps = Keeps(topic)
        await keeps.prepare(db)

        def declared(_service: str) -> Router:
            return keeps.router

        monkeypatch.setattr(access, "declared", declared)
        messages = [message(plan_event(topic)) for _ in range(5)]
        spoilt = json.loads(messages[UNREADABLE].value or b"")
        spoilt |= {"mode": f"x{NIP}", NIP: "Ani"}
        messages[UNREADABLE] = Message(
            topic.name,
            messages[UNREADABLE].key,
            json.dumps(spoilt).encode(),
            [*messages[UNREADABLE].headers, (NIP, b"Ani")],
        )
        keeps.fails[ce_id(messages[REFUSED])] = Fails("handler_KeyError", error=KeyError)
        await produce(kafka, messages, partition=0)
        rig = Rig(kafka, db, topic, keeps, messages, tmp_path)
        await read(rig)
        return rig

    return made


async def read(rig: Rig, *, waiting: int = 2, router: Router | None = None) -> None:
    """Have the consumer read the topic from where it stands."""

    async def all_read() -> bool:
        async with rig.db.read() as tx:
            counted = await set_aside.waiting(tx)
        return len(await rig.keeps.kept(rig.db)) >= 3 and counted.get(rig.keeps.group, 0) == waiting

    async with running_bus(rig.db, rig.kafka, router or rig.keeps.router) as bus:
        await eventually(all_read)
        gauge = bus._context.metrics.registry  # pyright: ignore[reportPrivateUsage] - what it exposes
        await eventually(
            lambda: gauge.get_sample_value("hadir_dead_letters_waiting", {"group": rig.keeps.group}) == waiting
        )


async def test_what_is_told_of_a_dead_letter_says_why_and_nothing_of_whom(rig_of: RigOf) -> None:
    rig = await rig_of()
    code, out = await rig.says("list")
    assert code == 0
    assert {line.split()[0]: line.split()[-1] for line in out.splitlines()} == {
        rig.place(REFUSED): "handler_KeyError",
        rig.place(UNREADABLE): "schema",
    }
    for narrowed, count in (
        (("--error", "schema"), 1),
        (("--topic", "schedule.changed.v1"), 0),
        (("--group", rig.keeps.group), 2),
        (("--since", "2999-01-01T00:00+07:00"), 0),
        (("--until", "2999-01-01T00:00+07:00"), 2),
        (("--key", (rig.messages[REFUSED].key or b"").decode()), 1),
        (("--key", uuid4()), 0),
        (("--limit", 1), 1),
    ):
        _, out = await rig.says("list", *narrowed)
        assert len([line for line in out.splitlines() if line.startswith("probe.")]) == count, narrowed
    code, out = await rig.says("show", rig.place(UNREADABLE))
    assert code == 0
    for word in (
        "read: no, schema: mode: ",
        ".employee_id: text, a UUID",
        f"header ce_id: {ce_id(rig.messages[UNREADABLE])}",
    ):
        assert word in out
    for secret in (NIP, "Ani", (rig.messages[UNREADABLE].key or b"").decode()):
        assert secret not in out
    _, out = await rig.says("show", rig.place(REFUSED))
    assert "read: yes, by this version" in out
    code, out = await rig.says("show", rig.place(0))
    assert (code, "is no dead letter that waits" in out) == (1, True)


@pytest.mark.fault(20)
async def test_a_replay_reads_the_same_bytes_again_once_and_writes_nothing_to_the_log(
    rig_of: RigOf,
) -> None:
    rig = await rig_of()
    _, out = await rig.says("replay", *WHY)
    assert out == "2 would be read again; say --yes to do it\n"
    assert await rig.audited() == []
    code, out = await rig.says("replay", *WHY, "--yes")
    assert (code, "0 read again and taken in, 2 refused again" in out) == (1, True)
    assert f"{rig.place(REFUSED)}  handler_KeyError" in out
    assert await rig.audited() == []
    rig.keeps.fails.clear()
    code, out = await rig.says("replay", rig.place(REFUSED), *WHY, "--yes")
    assert (code, out) == (0, "1 read again and taken in, 0 refused again\n")
    kept = await rig.keeps.kept(rig.db)
    assert kept == {ce_id(one) for at, one in enumerate(rig.messages) if at != UNREADABLE}
    assert await rig.audited() == [
        ("dead_letter.replayed", str(OFFICER), rig.place(REFUSED), "pembaca diperbaiki", 1)
    ]
    calls = rig.keeps.calls
    code, out = await rig.says("replay", rig.place(REFUSED), *WHY, "--yes")
    assert (code, "no dead letter that waits" in out) == (1, True)
    assert (rig.keeps.calls, len(await rig.audited())) == (calls, 1)
    assert len(await everything(rig.kafka, rig.topic.name)) == len(rig.messages)
    assert len(await everything(rig.kafka, rig.topic.dead_letters)) == 2


async def test_what_is_dropped_calls_for_nobody_again_and_what_is_refused_after_a_replay_does(
    rig_of: RigOf,
) -> None:
    rig = await rig_of()
    _, out = await rig.says("drop", "--error", "schema", *WHY)
    assert out == "1 would be dropped; say --yes to do it\n"
    code, out = await rig.says("drop", "--error", "schema", *WHY, "--yes")
    assert (code, out) == (0, "1 dropped\n")
    code, out = await rig.says("drop", "--error", "schema", *WHY, "--yes")
    assert code == 1
    assert [action for action, *_ in await rig.audited()] == ["dead_letter.dropped"]
    failing = dict(rig.keeps.fails)
    rig.keeps.fails.clear()
    assert (await rig.says("replay", *WHY, "--yes"))[0] == 0
    rig.keeps.fails |= failing
    # Read from the beginning: the one that was replayed is refused anew, the dropped one stays so.
    async with rig.db.transaction() as tx:
        await tx.connection.execute("delete from kept")
    again = Router()
    again.batch(rig.topic.name, group=rig.keeps.group + ".again")(rig.keeps.handle)
    async with rig.db.transaction() as tx:
        await tx.connection.execute("update dead_letter set of_group = of_group || '.again'")
    rig.keeps.group += ".again"
    await read(rig, waiting=1, router=again)
    _, out = await rig.says("list")
    assert [line.split()[0] for line in out.splitlines()] == [rig.place(REFUSED)]


async def test_a_record_that_stands_there_no_more_is_not_taken_for_another(
    rig_of: RigOf,
) -> None:
    rig = await rig_of()
    rig.keeps.fails.clear()
    async with rig.db.transaction() as tx:
        await tx.connection.execute("update dead_letter set written_at = written_at - interval '1 day'")
    code, out = await rig.says("replay", rig.place(REFUSED), *WHY, "--yes")
    assert (code, f"{rig.place(REFUSED)}  gone" in out) == (1, True)
    _, out = await rig.says("show", rig.place(REFUSED))
    assert "it stands there no more" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--topic", "x"), "there is no topic x"),
        (("list", "--since", "yesterday"), "yesterday is no time"),
        (("list", "--since", "2026-01-01T00:00"), "is no time"),
        (("show", "x/y/z"), "is no place"),
        (("replay", "--yes"), "--officer"),
        (("list", "--group", "reporting"), "there is no consumer reporting here"),
        (("drop", "--officer", str(OFFICER), "--reason", " ", "--yes"), "say why"),
    ],
)
def test_what_is_asked_wrongly_is_said(arguments: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(dlq.app, arguments)
    assert result.exit_code == 2
    assert said in result.output
