"""Deliveries on a real PostgreSQL: each once, in order, in parcels, again after a failure, never doubled."""

import asyncio
from uuid import UUID

import pytest

from services.notifications.channels import Address, Outcome, Parcel
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.kit.delivering import FakeChannel, bring_forward, said, settled, states, subscriber, working

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def outbox(db: Database) -> list[tuple[str, str, str]]:
    async with db.read() as tx:
        rows = await tx.connection.fetch("select convert_from(value, 'UTF8')::jsonb as v from outbox order by id")
    return [(row["v"]["notification_id"], row["v"]["channel"], row["v"]["status"]) for row in rows]


async def test_what_is_due_is_handed_over_once_and_published(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one, other = await subscriber(db), await subscriber(db)
    channel = FakeChannel()
    async with working(db, channel):
        messages = await said(db, one, other)
        await settled(db, "delivered", 2)
    assert sorted(channel.said) == sorted([[message] for message in messages])
    assert sorted(await outbox(db)) == sorted((str(one), "email", "delivered") for one in messages)


async def test_messages_of_one_recipient_are_one_parcel_where_it_bundles(
    database_for: DatabaseFor,
) -> None:
    db = await database_for("notifications")
    one = await subscriber(db)
    messages = await said(db, one, one, one)
    bundling = FakeChannel()
    async with working(db, bundling):
        await settled(db, "delivered", 3)
    assert bundling.said == [messages]
    assert bundling.sent[0].id == messages[0]


async def test_without_bundles_they_go_one_by_one_in_their_order(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db, "webhook")
    messages = await said(db, *[one] * 120, kind="counter.short")
    channel = FakeChannel("webhook", bundles=False, repeats_safely=True)
    async with working(db, channel):
        await settled(db, "delivered", 120)
    assert channel.said == [[message] for message in messages]
    assert channel.most_at_once == 1


async def test_a_later_message_waits_for_one_that_is_tried_again_and_an_urgent_one_does_not(
    database_for: DatabaseFor,
) -> None:
    db = await database_for("notifications")
    one = await subscriber(db, "webhook")
    first = await said(db, one, kind="budget.burning")
    answers = iter([Outcome("later", "451")])
    channel = FakeChannel(
        "webhook", lambda _: next(answers, Outcome("delivered")), bundles=False, repeats_safely=True
    )
    async with working(db, channel):
        await channel.got(1)
        later = await said(db, one, kind="budget.burning")
        urgent = await said(db, one, kind="counter.short")
        await settled(db, "delivered", 1)
        assert await states(db) == {first[0]: "waiting", later[0]: "waiting", urgent[0]: "delivered"}
        await bring_forward(db)
        await settled(db, "delivered", 3)
    assert channel.said == [first, urgent, first, later]
    assert [parcel.attempt for parcel in channel.sent] == [1, 1, 2, 1]
    assert channel.sent[0].id == channel.sent[2].id


async def test_who_has_it_does_not_get_it_again(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db)
    answers = iter([Outcome("later", "one of two", reached=frozenset({"a"}), gone=frozenset({"c"}))])
    channel = FakeChannel(does=lambda _: next(answers, Outcome("delivered")))
    channel.where[one] = [Address(key, "host", None) for key in "abc"]
    async with working(db, channel):
        await said(db, one)
        await channel.got(1)
        await settled(db, "waiting", 1)
        await bring_forward(db)
        await settled(db, "delivered", 1)
    assert [[address.key for address in parcel.addresses] for parcel in channel.sent] == [
        ["a", "b", "c"],
        ["b", "c"],
    ]
    assert channel.forgotten == {"c"}


async def test_what_is_refused_becomes_a_dead_letter_and_the_next_one_goes(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db, "webhook")
    messages = await said(db, one, one, kind="counter.short")

    def does(parcel: Parcel) -> Outcome:
        return Outcome("refused", "410") if parcel.id == messages[0] else Outcome("delivered")

    async with working(db, FakeChannel("webhook", does, bundles=False, repeats_safely=True)):
        await settled(db, "delivered", 1)
        await settled(db, "dead", 1)
    assert await states(db) == {messages[0]: "dead", messages[1]: "delivered"}
    assert await outbox(db) == [
        (str(messages[0]), "webhook", "failed"),
        (str(messages[1]), "webhook", "delivered"),
    ]


async def test_two_processes_hand_each_over_once(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    people = [await subscriber(db) for _ in range(40)]

    async def does(_: Parcel) -> Outcome:
        await asyncio.sleep(0)
        return Outcome("delivered")

    first, second = FakeChannel(does=does), FakeChannel(does=does)
    messages: list[UUID] = []
    async with working(db, first), working(db, second):
        for _ in range(5):
            messages += await said(db, *people)
        await settled(db, "delivered", 200)
    told = [message for parcel in [*first.said, *second.said] for message in parcel]
    assert sorted(told) == sorted(messages)
