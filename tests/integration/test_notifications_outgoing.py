"""Messages as they leave the house: each in its reader's language, without anybody else in it; and where to."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifications.domain.news import Notice
from services.notifications.domain.samples import SAMPLES
from services.notifications.store import notices, preferences
from services.notifications.views import outgoing
from services.notifications.views import preferences as preference_views
from shared.database import Database, Tx
from tests.conftest import DatabaseFor

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOW = dt.datetime(2025, 11, 6, 8, tzinfo=dt.UTC)


async def told(db: Database, *given: Notice) -> list[UUID]:
    async with db.transaction() as tx:
        return [one.notification_id for one in await notices.deliver(tx, given, NOW)]


def short(reader: UUID, **more: Any) -> Notice:
    params = {"required": 3, "present": 1, "as_of": NOW.isoformat(), **more}
    return Notice(reader, "counter.short", uuid4(), params, "U1")


async def subscribe(tx: Tx, subscription_id: UUID, language: str) -> None:
    await tx.connection.execute(
        """
        insert into subscription
            (subscription_id, way, address, kinds, description, language, active, created_by, created_at)
        values ($1, 'webhook', 'https://contoh.example/', '{counter.short}', 'Papan kota', $2, true, $1, $3)
        """,
        subscription_id,
        language,
        NOW,
    )


async def test_each_message_is_worded_for_its_reader(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    silent, english, other_system, candidate = (uuid4() for _ in range(4))
    async with db.transaction() as tx:
        await preferences.put(tx, english, language="en", muted_channels=[], muted_kinds=[])
        await subscribe(tx, other_system, "en")
    ids = await told(
        db, *(short(reader, substitutes=[str(candidate)]) for reader in (silent, english, other_system))
    )
    async with db.transaction() as tx:
        await tx.connection.execute(
            """
            insert into escalation (cause_event_id, kind, params, people, since, step, due_at)
            select cause_event_id, kind, params, '{}', at, 0, at + interval '10 minutes' from message
            """
        )
    async with db.read() as tx:
        words = await outgoing.worded(tx, [*ids, uuid4()])
    assert set(words) == set(ids)
    first, second, third = (words[one] for one in ids)
    assert (first.language, second.language, third.language) == ("id", "en", "en")
    assert (first.acknowledge, second.acknowledge, third.acknowledge) == (True, True, False)
    assert first.title == "Loket kekurangan petugas: U1"
    assert second.why == "You get this message because you answer for this counter."
    assert third.why.startswith("This message is sent because this address subscribes")
    left: list[Mapping[str, Any]] = [one.params for one in words.values()]
    assert str(candidate) not in json.dumps(left)
    assert all(params["present"] == 1 for params in left)


async def test_every_kind_is_kept_and_worded_as_its_sample(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    reader = uuid4()
    ids = await told(db, *(Notice(reader, one.kind, uuid4(), one.params, one.subject) for one in SAMPLES))
    async with db.read() as tx:
        words = await outgoing.worded(tx, ids)
    assert [words[one].kind for one in ids] == [one.kind for one in SAMPLES]
    assert [dict(words[one].params) for one in ids] == [one.params for one in SAMPLES]


async def test_people_see_where_messages_reach_them_masked_and_why_they_do_not(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    known, unknown, pushed = (uuid4() for _ in range(3))
    async with db.transaction() as tx:
        await tx.connection.execute("insert into open_way values ('email'), ('gateway'), ('push')")
        for person, email in ((known, "siti@contoh.go.id"), (pushed, None)):
            await tx.connection.execute(
                "insert into recipient (employee_id, heads, skills, active, email, phone, revision, ce_id) "
                "values ($1, '[]', '[]', true, $2, '081234567890', 1, $1)",
                person,
                email,
            )
        await tx.connection.execute(
            "insert into push_device (device_id, employee_id, endpoint, p256dh, auth, vapid_key, label, since) "
            "values ($1, $1, 'https://contoh.example/x', '', '', '', 'Ponsel Siti', $2)",
            pushed,
            NOW,
        )
    async with db.read() as tx:
        shown = {one: await preference_views.shown(tx, one, None) for one in (known, unknown, pushed)}
    reached = {
        one: {each.channel: each.addresses for each in said.channels if each.available}
        for one, said in shown.items()
    }
    assert reached == {
        known: {"inbox": [], "email": ["s…@contoh.go.id"], "push": ["…7890"]},
        unknown: {"inbox": []},
        pushed: {"inbox": [], "push": ["Ponsel Siti"]},
    }
    changed = next(one for one in shown[known].kinds if one.kind == "schedule.changed")
    assert all(choice.available for choice in changed.channels)
    whys = {each.channel: each.why or "" for each in shown[unknown].channels}
    assert whys["email"].startswith("Alamat surel Anda belum tercatat.")
    assert whys["push"].startswith("Belum ada perangkat Anda")
