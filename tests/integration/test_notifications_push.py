"""Pushes to browsers, against push services that check who sends and browsers that decrypt."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.notifications.channels import Outcome, Parcel
from services.notifications.channels.calling import Calls
from services.notifications.channels.push import PushChannel
from services.notifications.domain.receivers import Guard, networks_of
from services.notifications.store import push as store
from services.notifications.views.wording import Worded
from shared.database import Database
from shared.message_key import MessageKey
from shared.web_push import Vapid
from tests.conftest import DatabaseFor
from tests.kit.delivering import said, settled, working
from tests.kit.push_service import Browser, PushService, message_key_file, push_services, this_machine

NOW = dt.datetime(2025, 11, 6, 9, tzinfo=dt.UTC)
HERE = Guard(networks_of(["127.0.0.0/8"]))
"""Who may be called where the push services of these tests are."""


def worded(title: str = "Loket kurang", **changes: Any) -> Worded:
    given: dict[str, Any] = {
        "notification_id": uuid4(),
        "kind": "counter.short",
        "language": "id",
        "title": title,
        "text": "Loket KTP-el: 1 dari 2 petugas.",
        "why": "Anda kepala unit.",
        "link": "/reporting/units/dukcapil.loket",
        "at": NOW,
        "params": {},
        "subject": "dukcapil.loket",
    }
    return Worded(**{**given, **changes})


@dataclass
class Rig:
    db: Database
    vapid: Vapid
    channel: PushChannel
    services: list[PushService]
    who: UUID

    @property
    def service(self) -> PushService:
        return self.services[0]

    async def keep(self, *browsers: Browser) -> None:
        async with self.db.transaction() as tx:
            for browser in browsers:
                await store.put(tx, browser.device(self.who, self.vapid.public))

    async def parcel(self, *messages: Worded, urgent: bool = False, attempt: int = 1) -> Parcel:
        """What the queue makes of messages for the person, to all of their browsers."""
        async with self.db.read() as tx:
            found = await self.channel.addresses(tx, [self.who])
        given: Sequence[Worded] = messages or [worded()]
        addresses = found.get(self.who, ())
        return Parcel(given[0].notification_id, self.who, given, addresses, attempt, urgent)

    async def send(self, *messages: Worded, urgent: bool = False) -> Outcome:
        return await self.channel.send(await self.parcel(*messages, urgent=urgent))


@pytest_asyncio.fixture(loop_scope="session")
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    db = await database_for("notifications")
    vapid = Vapid(MessageKey.from_file(message_key_file(tmp_path)), "mailto:tik@example.go.id")
    async with push_services(tmp_path, "push.test", "other.test") as (services, trust):
        calls = Calls(HERE, agent="Hadir-Push/1", ca_file=trust, lookup=this_machine, total_s=1)
        channel = PushChannel(vapid, calls)
        yield Rig(db, vapid, channel, services, uuid4())
        await channel.close()


async def test_each_browser_of_a_person_reads_what_it_is_pushed(rig: Rig) -> None:
    service, other = rig.services
    service.sub_wanted = True
    first, second = service.browser(), other.browser()
    await rig.keep(first, second)
    message = worded()
    outcome = await rig.send(message, urgent=True)
    assert (outcome.became, len(outcome.reached), outcome.gone, outcome.error) == (
        "delivered",
        2,
        frozenset(),
        None,
    )
    for service_, browser in ((service, first), (other, second)):
        [taken] = service_.to(browser)
        assert browser.read(taken.body) == {
            "title": "Loket kurang",
            "text": "Loket KTP-el: 1 dari 2 petugas.",
            "link": "/reporting/units/dukcapil.loket",
            "tag": "counter dukcapil.loket",
            "ids": [str(message.notification_id)],
            "lang": "id",
            "at": "2025-11-06T09:00:00+00:00",
            "acknowledge": False,
        }
        assert (taken.headers["TTL"], taken.headers["Urgency"]) == ("3600", "high")
        # Each gets a token of its own, so that none can use it at the other.
        assert taken.claims["aud"] == f"https://{service_.name}:{service_.port}"
        assert taken.claims["sub"] == "mailto:tik@example.go.id"
    assert service.refused + other.refused == []


async def test_what_is_not_urgent_waits_for_a_day_and_takes_the_place_of_itself_alone(rig: Rig) -> None:
    browser = rig.service.browser()
    await rig.keep(browser)
    plan = worded(kind="schedule.changed", subject=None)
    for message in (plan, plan, worded(kind="schedule.changed", subject=None)):
        assert (await rig.send(message)).became == "delivered"
    first, again, other = rig.service.to(browser)
    assert (first.headers["TTL"], first.headers["Urgency"]) == ("86400", "normal")
    assert first.headers["Topic"] == again.headers["Topic"] != other.headers["Topic"]
    assert first.body != again.body
    # What is known of one counter: the newest of it.
    for kind in ("counter.soon", "counter.short", "counter.met"):
        await rig.send(worded(kind=kind))
    await rig.send(worded(kind="counter.call"))
    *states, call = [one.headers["Topic"] for one in rig.service.to(browser)[3:]]
    assert len({*states}) == 1
    assert call not in states


async def test_several_messages_are_one_push(rig: Rig) -> None:
    browser = rig.service.browser()
    await rig.keep(browser)
    messages = [worded(f"Pesan {n}", language="en") for n in range(1, 8)]
    await rig.send(*messages)
    [taken] = rig.service.to(browser)
    said = browser.read(taken.body)
    assert (said["title"], said["text"].split("\n"), said["link"]) == (
        "7 new messages",
        ["Pesan 1", "Pesan 2", "Pesan 3", "Pesan 4", "Pesan 5", "and 2 more"],
        "/reporting/app/inbox/",
    )
    assert said["ids"] == [str(one.notification_id) for one in messages]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_whatever_says_yes_is_a_yes(rig: Rig, status: int) -> None:
    browser = rig.service.browser()
    await rig.keep(browser)
    rig.service.answer(browser, status)
    assert (await rig.send()).became == "delivered"


@pytest.mark.parametrize(
    ("status", "became", "away"),
    [
        (400, "refused", False),
        (401, "refused", False),
        (403, "refused", False),
        (413, "refused", False),
        (301, "refused", False),
        (307, "refused", False),
        (429, "later", False),
        (500, "later", False),
        (503, "later", True),
    ],
)
async def test_what_a_no_means(rig: Rig, status: int, became: str, away: bool) -> None:
    browser = rig.service.browser()
    await rig.keep(browser)
    rig.service.answer(browser, status, **{"Retry-After": "120", "Location": "https://other.test/x"})
    outcome = await rig.send()
    assert (outcome.became, outcome.away, outcome.error) == (became, away, f"status {status}")
    assert outcome.retry_after == (dt.timedelta(minutes=2) if became == "later" else None)
    assert rig.services[1].taken == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten_and_the_others_stay(rig: Rig, status: int) -> None:
    here, gone = rig.service.browser(), rig.service.browser()
    await rig.keep(here, gone)
    rig.service.answer(gone, status)
    outcome = await rig.send()
    assert (outcome.became, len(outcome.reached), len(outcome.gone)) == ("delivered", 1, 1)
    async with rig.db.transaction() as tx:
        await rig.channel.forget(tx, outcome.gone)
        left = await store.of(tx, rig.who, rig.vapid.public)
    assert [device.endpoint for device in left] == [here.endpoint]


async def test_with_the_last_browser_gone_there_is_nobody_to_push_to_and_nobody_failed(rig: Rig) -> None:
    gone = rig.service.browser()
    await rig.keep(gone)
    rig.service.answer(gone, 410)
    outcome = await rig.send()
    assert (outcome.became, len(outcome.gone)) == ("later", 1)
    async with rig.db.transaction() as tx:
        await rig.channel.forget(tx, outcome.gone)
        assert await rig.channel.addresses(tx, [rig.who]) == {}


async def test_who_has_it_keeps_it_and_the_other_is_tried_again(rig: Rig) -> None:
    service, other = rig.services
    first, second = service.browser(), other.browser()
    await rig.keep(first, second)
    other.answer(second, 503)
    parcel = await rig.parcel()
    outcome = await rig.channel.send(parcel)
    assert (outcome.became, len(outcome.reached), outcome.away) == ("later", 1, True)
    rest = [one for one in parcel.addresses if one.key not in outcome.reached]
    again = Parcel(parcel.id, parcel.recipient, parcel.messages, rest, 2)
    assert (await rig.channel.send(again)).became == "delivered"
    assert (len(service.to(first)), len(other.to(second))) == (1, 1)


async def test_a_service_that_hangs_or_hangs_up_is_away_and_says_nothing_of_the_push(rig: Rig) -> None:
    browser = rig.service.browser()
    await rig.keep(browser)
    rig.service.answer(browser, -1, 0)
    hanging, cut = await rig.send(), await rig.send()
    assert (hanging.became, hanging.away) == ("unknown", True)
    assert cut.became == "unknown"
    for outcome in (hanging, cut):
        assert outcome.error is not None
        assert browser.endpoint.rpartition("/")[2] not in outcome.error
    assert (await rig.send()).became == "delivered"


async def test_nothing_goes_to_a_machine_that_may_not_be_called_nor_to_one_with_another_name(
    rig: Rig, tmp_path: Path
) -> None:
    browser = rig.service.browser()
    await rig.keep(browser)
    parcel = await rig.parcel()
    within = PushChannel(rig.vapid, Calls(Guard(), agent="x", lookup=this_machine))
    outcome = await within.send(parcel)
    assert (outcome.became, outcome.error) == ("refused", "receiver.private")
    # A certificate of somebody else's.
    strange = PushChannel(rig.vapid, Calls(HERE, agent="x", lookup=this_machine))
    outcome = await strange.send(parcel)
    assert (outcome.became, outcome.away) == ("later", True)
    assert "certificate" in (outcome.error or "")
    for channel in (within, strange):
        await channel.close()
    assert rig.service.taken == []


async def test_a_short_counter_comes_by_the_queue_and_a_browser_that_is_gone_is_asked_once(rig: Rig) -> None:
    here, gone = rig.service.browser(), rig.service.browser()
    await rig.keep(here, gone)
    rig.service.answer(gone, 410)
    async with rig.db.transaction() as tx:
        await tx.connection.execute("insert into open_way values ('push')")
    async with working(rig.db, rig.channel):
        [short] = await said(rig.db, rig.who, kind="counter.short")
        await settled(rig.db, "delivered", 1)
        [met] = await said(rig.db, rig.who, kind="counter.short")
        await settled(rig.db, "delivered", 2)
    first, second = rig.service.to(here)
    assert [here.read(one.body)["ids"] for one in (first, second)] == [[str(short)], [str(met)]]
    assert first.headers["Urgency"] == "high"
    assert rig.service.refused == []
    async with rig.db.read() as tx:
        left = await store.of(tx, rig.who, rig.vapid.public)
        told = await tx.connection.fetch(
            "select convert_from(value, 'UTF8')::jsonb as said from outbox order by id"
        )
    assert [device.endpoint for device in left] == [here.endpoint]
    assert [(row["said"]["channel"], row["said"]["status"]) for row in told] == [("push", "delivered")] * 2


async def test_a_browser_of_another_key_is_not_pushed_to(rig: Rig, tmp_path: Path) -> None:
    browser = rig.service.browser()
    await rig.keep(browser)
    other = Vapid(MessageKey.from_file(message_key_file(tmp_path)), None)
    channel = PushChannel(other, Calls(HERE, agent="x"))
    async with rig.db.read() as tx:
        assert await channel.addresses(tx, [rig.who]) == {}
        assert len((await rig.channel.addresses(tx, [rig.who, uuid4()]))[rig.who]) == 1
