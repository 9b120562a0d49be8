"""What holds deliveries back, and what never does: nights, the limit an hour, servers that are away, crashes."""

import asyncio
import datetime as dt

import pytest

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.commands import queue
from services.notifications.domain.delivery import Breaker
from services.notifications.domain.rules import shipped
from shared.clock import FixedClock
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.kit.delivering import DAY, FakeChannel, bring_forward, said, settled, states, subscriber, working
from tests.kit.kafka import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

NIGHT = DAY.replace(hour=23)


async def look_again(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.connection.execute("select pg_notify('delivery', '')")


async def column(db: Database, name: str) -> list[object]:
    async with db.read() as tx:
        rows = await tx.connection.fetch(f"select {name} as one from delivery order by place")  # noqa: S608 - a test's
    return [row["one"] for row in rows]


async def test_by_night_only_what_is_urgent_goes_and_the_rest_in_the_morning(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one, clock = await subscriber(db), FixedClock(NIGHT)
    channel = FakeChannel()
    async with working(db, channel, clock=clock):
        held = await said(db, one, one)
        urgent = await said(db, one, kind="counter.short")
        await settled(db, "delivered", 1)
        clock.set(NIGHT + dt.timedelta(hours=4))  # and business time back again: still night
        clock.set(NIGHT)
        await look_again(db)
        urgent += await said(db, one, kind="counter.short")
        await settled(db, "delivered", 2)
        clock.set(DAY + dt.timedelta(days=1))
        await look_again(db)
        await settled(db, "delivered", 4)
    assert channel.said == [[urgent[0]], [urgent[1]], held]


async def test_other_systems_do_not_sleep(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db, "webhook")
    async with working(db, FakeChannel("webhook", bundles=False, repeats_safely=True), clock=FixedClock(NIGHT)):
        await said(db, one, kind="budget.burning")
        await settled(db, "delivered", 1)


async def test_more_than_so_many_an_hour_wait_and_come_together(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one, other = await subscriber(db), await subscriber(db)
    channel, most = FakeChannel(), shipped().limits.per_person_per_hour
    async with working(db, channel):
        for sent in range(most):
            await said(db, one)
            await settled(db, "delivered", sent + 1)
        held = await said(db, one, one)
        urgent = await said(db, one, kind="counter.short")
        free = await said(db, other)
        await settled(db, "delivered", most + 2)
        assert {message for message, state in (await states(db)).items() if state == "waiting"} == set(held)
        async with db.transaction() as tx:  # an hour goes by
            await tx.connection.execute(
                "update delivery set ended_at = ended_at - interval '1 hour', due_at = due_at - interval '1 hour'"
            )
        await look_again(db)
        await settled(db, "delivered", most + 4)
    assert channel.said[-1] == held
    assert sorted(channel.said[-3:-1]) == sorted([urgent, free])


async def test_a_provider_that_is_away_for_an_hour_costs_nobody_a_try(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Breaker, "FIRST_S", 0.05)
    monkeypatch.setattr(Breaker, "LONGEST_S", 0.1)
    db = await database_for("notifications")
    people = [await subscriber(db) for _ in range(30)]
    away = True
    channel = FakeChannel(
        does=lambda _: Outcome("later", "cannot connect", away=True) if away else Outcome("delivered")
    )
    async with working(db, channel):
        messages = await said(db, *people)
        for _ in range(40):  # an hour of its time
            await bring_forward(db)
            await asyncio.sleep(0.02)
        assert len(channel.sent) < 100  # not a try for each of them each time
        away = False

        async def all_have_it() -> bool:
            await bring_forward(db)
            return list((await states(db)).values()).count("delivered") == 30

        await eventually(all_have_it)
    assert set(await column(db, "attempts")) == {1}
    told = [
        message
        for outcome, said in zip(channel.ended, channel.said, strict=True)
        for message in said
        if outcome.became == "delivered"
    ]
    assert sorted(told) == sorted(messages)


async def test_one_server_that_is_away_holds_nobody_else_up(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    lost, found = [await subscriber(db) for _ in range(20)], [await subscriber(db) for _ in range(20)]

    def does(parcel: Parcel) -> Outcome:
        return Outcome("later", away=True) if parcel.addresses[0].host == "down" else Outcome("delivered")

    channel = FakeChannel(does=does, at_once=4, at_once_to_a_host=2)
    channel.where = {one: [Address(str(one), "down", None)] for one in lost}
    async with working(db, channel):
        await said(db, *[one for pair in zip(lost, found, strict=True) for one in pair])
        await settled(db, "delivered", 20)


async def test_a_slow_server_gets_no_more_than_its_places_and_holds_nobody_up(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    slow, quick = [await subscriber(db) for _ in range(12)], [await subscriber(db) for _ in range(12)]
    answer, at_once = asyncio.Event(), 0

    async def does(parcel: Parcel) -> Outcome:
        nonlocal at_once
        if parcel.addresses[0].host == "slow":
            at_once += 1
            await answer.wait()
        return Outcome("delivered")

    channel = FakeChannel(does=does, at_once=4, at_once_to_a_host=2)
    channel.where = {one: [Address(str(one), "slow", None)] for one in slow}
    async with working(db, channel):
        await said(db, *slow, *quick)
        await settled(db, "delivered", 12)
        assert at_once == 2
        answer.set()
        await eventually(lambda: bring_and_count(db, 24))


async def bring_and_count(db: Database, delivered: int) -> bool:
    await bring_forward(db)
    return list((await states(db)).values()).count("delivered") == delivered


async def test_so_many_a_second(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    people = [await subscriber(db) for _ in range(20)]
    at: list[float] = []

    def does(_: Parcel) -> Outcome:
        at.append(asyncio.get_running_loop().time())
        return Outcome("delivered")

    async with working(db, FakeChannel(does=does, per_second=100)):
        await said(db, *people)
        await settled(db, "delivered", 20)
    assert at[-1] - at[0] >= 0.18


@pytest.mark.parametrize(
    ("way", "repeats_safely", "becomes"), [("webhook", True, "delivered"), ("email", False, "dead")]
)
async def test_what_a_dead_process_may_have_handed_over_goes_again_only_where_that_is_safe(
    database_for: DatabaseFor, way: str, repeats_safely: bool, becomes: str
) -> None:
    db = await database_for("notifications")
    one = await subscriber(db, "webhook" if way == "webhook" else "email")
    messages = await said(db, one, kind="counter.short")
    async with db.transaction() as tx:  # taken by a process that is gone
        await tx.connection.execute(
            "update delivery set state = 'sending', attempts = 1, parcel = notification_id, "
            "lease_until = clock_timestamp() - interval '1 second'"
        )
    channel = FakeChannel("webhook" if way == "webhook" else "email", repeats_safely=repeats_safely)
    async with working(db, channel):
        await settled(db, becomes, 1)
    assert channel.said == ([messages] if repeats_safely else [])
    assert [parcel.id for parcel in channel.sent] == (messages if repeats_safely else [])
    assert await column(db, "error") == ([None] if repeats_safely else ["unknown"])


async def test_what_another_process_holds_is_left_to_it(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one, other = await subscriber(db), await subscriber(db)
    await said(db, one, one)
    async with db.transaction() as tx:
        await tx.connection.execute(
            "update delivery set state = 'sending', lease_until = clock_timestamp() + interval '1 minute' "
            "where place = (select min(place) from delivery)"
        )
    channel = FakeChannel()
    async with working(db, channel):
        free = await said(db, other)
        await settled(db, "delivered", 1)
    assert channel.said == [free]


async def test_a_worker_that_stops_gives_back_what_it_did_not_begin(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db, "webhook")
    messages = await said(db, *[one] * 20, kind="counter.short")
    began, answer = asyncio.Event(), asyncio.Event()

    async def does(_: Parcel) -> Outcome:
        began.set()
        await answer.wait()
        return Outcome("delivered")

    channel = FakeChannel("webhook", does, bundles=False, repeats_safely=True)
    async with working(db, channel) as worker:
        await began.wait()
        worker.service.stopping.set()
        await eventually(lambda: worker.stopping)
        answer.set()
    assert channel.said == [[messages[0]]]
    assert await column(db, "state") == ["delivered"] + ["waiting"] * 19
    assert await column(db, "attempts") == [1] + [0] * 19
    assert await column(db, "lease_until") == [None] * 20


async def test_what_has_waited_for_a_day_is_given_up(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db)
    await said(db, one)
    async with db.transaction() as tx:
        await tx.connection.execute("update delivery set give_up_at = give_up_at - interval '1 day'")
    channel = FakeChannel()
    async with working(db, channel):
        await settled(db, "dead", 1)
    assert channel.sent == []
    assert await column(db, "error") == ["too old"]


async def test_the_last_of_twelve_tries_ends_it(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db)
    channel = FakeChannel(does=lambda _: Outcome("later", "451 greylisted"))
    async with working(db, channel):
        await said(db, one)

        async def over() -> bool:
            await bring_forward(db)
            return list((await states(db)).values()) == ["dead"]

        await eventually(over)
    assert [parcel.attempt for parcel in channel.sent] == list(range(1, 13))
    assert await column(db, "error") == ["451 greylisted"]


async def test_who_has_no_address_any_more_gets_nothing(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db)
    channel = FakeChannel()
    channel.where[one] = []
    async with working(db, channel):
        await said(db, one)
        await settled(db, "dropped", 1)
    assert channel.sent == []


async def test_a_way_that_is_closed_gets_nothing_and_what_waited_is_dropped(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    one = await subscriber(db)
    waiting = await said(db, one)
    async with db.transaction() as tx:
        await queue.open_ways(tx, ["push"], DAY)
    await said(db, one)
    assert await states(db) == {waiting[0]: "dropped"}
