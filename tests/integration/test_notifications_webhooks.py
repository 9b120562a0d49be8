"""Webhooks at a real receiver: believed by the library for JavaScript, and never sent where they may not go."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiohttp import web

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.channels.webhook import Lookup, WebhookChannel
from services.notifications.channels.webhook import Receiver as Where
from services.notifications.domain.receivers import Guard
from services.notifications.domain.webhooks import name_of, written
from services.notifications.store import subscriptions as store
from services.notifications.store.tables import Subscription, WebhookSecret
from services.notifications.views.wording import Worded
from shared.database import Database
from shared.message_key import MessageKey
from tests.conftest import DatabaseFor
from tests.kit.delivering import DAY, said, settled, states, working
from tests.kit.push_service import message_key_file
from tests.kit.receiver import NAME, Receiver, always, believed, certified, leading_to, receiving

pytestmark = pytest.mark.asyncio(loop_scope="session")

OLD, NEW = b"a" * 32, b"b" * 32
HERE = (ip_network("127.0.0.0/8"),)
JAKARTA = dt.timezone(dt.timedelta(hours=7))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certified(tmp_path_factory.mktemp("receiver"))


@pytest_asyncio.fixture(loop_scope="session")
async def receiver(certificate: tuple[Path, Path]) -> AsyncIterator[Receiver]:
    async with receiving(certificate) as one:
        yield one


class Way:
    """A channel to one receiver."""

    def __init__(
        self,
        receiver: Receiver,
        certificate: tuple[Path, Path] | None,
        key: MessageKey,
        *,
        lookup: Lookup | None = None,
        guard: Guard | None = None,
        total_s: float = 10,
    ) -> None:
        self.receiver = receiver
        self.channel = WebhookChannel(
            key,
            guard or Guard(HERE, (receiver.port,)),
            ca_file=certificate[0] if certificate else None,
            lookup=lookup or leading_to("127.0.0.1"),
            total_s=total_s,
        )

    async def send(self, parcel: Parcel | None = None, *, url: str | None = None, attempt: int = 1) -> Outcome:
        where = Where(url or self.receiver.url(), [OLD, NEW])
        parcel = parcel or parcel_of(where, attempt)
        return await self.channel.send(parcel)


def parcel_of(where: Where, attempt: int = 1) -> Parcel:
    message = Worded(
        notification_id=uuid4(),
        kind="counter.short",
        language="id",
        title="Loket kekurangan petugas: JATI-1",
        text="Hadir 1 dari 3 yang dibutuhkan – mohon segera.",
        why="Alamat ini berlangganan.",
        link="/reporting/units/JATI-1",
        at=dt.datetime(2025, 11, 6, 7, 10, tzinfo=JAKARTA),
        params={"required": 3, "present": 1},
        subject="JATI-1",
    )
    return Parcel(message.notification_id, uuid4(), [message], [Address("alamat", "penerima", where)], attempt)


@pytest.fixture
def key(tmp_path: Path) -> MessageKey:
    return MessageKey.from_file(message_key_file(tmp_path))


@pytest_asyncio.fixture(loop_scope="session")
async def way(receiver: Receiver, certificate: tuple[Path, Path], key: MessageKey) -> AsyncIterator[Way]:
    one = Way(receiver, certificate, key)
    yield one
    await one.channel.close()


@pytest.mark.fault(38)
async def test_a_receiver_believes_by_either_secret_and_by_no_other(way: Way) -> None:
    parcel = parcel_of(Where(way.receiver.url(), [OLD, NEW]))
    assert (await way.send(parcel)).reached == {"alamat"}
    got = way.receiver.got
    by_old, by_new = believed(written(OLD), got), believed(written(NEW), got)
    assert by_old == by_new
    (body,) = by_old
    assert (body["type"], body["timestamp"]) == ("counter.short", "2025-11-06T00:10:00Z")
    assert body["data"]["notification_id"] == str(parcel.id)
    assert body["data"]["params"] == {"required": 3, "present": 1}
    assert body["data"]["text"] == "Hadir 1 dari 3 yang dibutuhkan – mohon segera."
    assert believed(written(b"c" * 32), got) == [None]


async def test_a_request_that_was_changed_on_its_way_is_not_believed(way: Way) -> None:
    await way.send()
    (one,) = way.receiver.got
    changed = type(one)(one.headers, one.body.replace('"present":1', '"present":3'))
    old = type(one)({**one.headers, "webhook-timestamp": "1614265330"}, one.body)
    assert believed(written(OLD), [changed, old]) == [None, None]


@pytest.mark.fault(38)
async def test_each_try_has_the_same_id_and_is_signed_anew(way: Way) -> None:
    way.receiver.answer = always(500)
    parcel = parcel_of(Where(way.receiver.url(), [OLD]))
    assert (await way.send(parcel)).became == "later"
    way.receiver.answer = None
    assert (await way.send(parcel)).became == "delivered"
    assert {one.headers["webhook-id"] for one in way.receiver.got} == {str(parcel.id)}
    assert None not in believed(written(OLD), way.receiver.got)


async def test_a_certificate_for_another_name_is_not_taken(way: Way) -> None:
    outcome = await way.send(url=way.receiver.url("lain.example"))
    assert (outcome.became, outcome.away) == ("later", True)
    assert outcome.error == "its certificate is not valid for this address"
    assert way.receiver.got == []


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(receiver: Receiver, key: MessageKey) -> None:
    one = Way(receiver, None, key)
    outcome = await one.send()
    assert outcome.error == "its certificate is not valid for this address"
    assert receiver.got == []
    await one.channel.close()


@pytest.mark.parametrize(
    "addresses", ["10.0.0.1", "169.254.169.254", "93.184.216.34 127.0.0.2 10.0.0.1", "::1", "::ffff:127.0.0.1"]
)
@pytest.mark.fault(38)
async def test_a_name_that_leads_inside_is_not_called(
    addresses: str, receiver: Receiver, certificate: tuple[Path, Path], key: MessageKey
) -> None:
    one = Way(receiver, certificate, key, lookup=leading_to(addresses))
    outcome = await one.send()
    assert (outcome.became, outcome.error) == ("refused", "receiver.private")
    assert receiver.got == []
    await one.channel.close()


@pytest.mark.fault(38)
async def test_a_name_that_leads_elsewhere_a_moment_later_is_judged_anew_and_dialled_as_judged(
    receiver: Receiver, certificate: tuple[Path, Path], key: MessageKey
) -> None:
    """Rebinding: each connection is of one look-up, and no other look-up happens between judging and dialling."""
    asked: list[str] = []
    answers = iter(["127.0.0.1", "192.168.1.1"])

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(next(answers))
        return asked[-1:]

    one = Way(receiver, certificate, key, lookup=lookup)
    assert (await one.send()).became == "delivered"
    assert asked == ["127.0.0.1"]
    await one.channel.close()
    assert (await one.send()).error == "receiver.private"
    assert len(receiver.got) == 1
    await one.channel.close()


async def test_what_was_allowed_when_it_was_saved_is_judged_by_what_is_allowed_now(
    receiver: Receiver, certificate: tuple[Path, Path], key: MessageKey
) -> None:
    one = Way(receiver, certificate, key, guard=Guard((), (receiver.port,)))
    assert (await one.send(url=receiver.url("127.0.0.1"))).error == "receiver.private"
    assert (await one.send()).error == "receiver.private"
    other = Way(receiver, certificate, key, guard=Guard(HERE, (443,)))
    assert (await other.send()).error == "receiver.port"
    assert (await other.send(url="http://penerima.example/")).error == "receiver.scheme"
    assert receiver.got == []
    await one.channel.close()


@pytest.mark.fault(38)
async def test_a_redirect_is_not_followed(way: Way) -> None:
    way.receiver.answer = always(307, location=f"https://{NAME}:{way.receiver.port}/lain")
    outcome = await way.send()
    assert (outcome.became, outcome.error) == ("refused", "status 307")
    assert len(way.receiver.got) == 1


async def test_no_proxy_of_the_environment_is_used(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await way.send()).became == "delivered"


async def test_a_receiver_that_is_gone_or_busy_says_so(way: Way) -> None:
    way.receiver.answer = always(410)
    assert (await way.send()).gone == {"alamat"}
    way.receiver.answer = always(429, retry_after="90")
    assert (await way.send()).retry_after == dt.timedelta(seconds=90)
    way.receiver.answer = always(404)
    assert (await way.send(attempt=1)).became == "later"
    assert (await way.send(attempt=5)).became == "refused"


@pytest.mark.fault(38)
async def test_a_receiver_that_hangs_holds_nothing_for_long(
    receiver: Receiver, certificate: tuple[Path, Path], key: MessageKey
) -> None:
    never = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    receiver.answer = hang
    one = Way(receiver, certificate, key, total_s=0.5)
    outcome = await one.send()
    assert (outcome.became, outcome.error, outcome.away) == ("unknown", "no answer in time", True)
    never.set()
    await one.channel.close()


async def test_an_answer_without_end_is_not_read(way: Way) -> None:
    written_ = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal written_
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65536)
            written_ += 65536

    way.receiver.answer = flood
    assert (await way.send()).became == "delivered"
    assert written_ < 50_000_000


async def test_nobody_there_and_no_such_name(
    receiver: Receiver, certificate: tuple[Path, Path], key: MessageKey
) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    one = Way(receiver, certificate, key, lookup=unknown)
    outcome = await one.send()
    assert (outcome.became, outcome.error, outcome.away) == ("later", "its name leads nowhere", True)
    await one.channel.close()
    other = Way(receiver, certificate, key, guard=Guard(HERE, (9,)))
    outcome = await other.send(url=f"https://{NAME}:9/hook")
    assert (outcome.became, outcome.away) == ("later", True)
    await other.channel.close()


async def subscribed(db: Database, receiver: Receiver) -> UUID:
    """A subscription with one secret, as the door makes it."""
    one = uuid4()
    async with db.transaction() as tx:
        await store.put(
            tx,
            Subscription(
                subscription_id=one,
                way="webhook",
                address=receiver.url(),
                kinds=["counter.short"],
                description="Papan kota",
                language="en",
                active=True,
                created_by=one,
                created_at=DAY,
            ),
        )
        await store.put_secret(
            tx, WebhookSecret(secret_id=one, subscription_id=one, created_by=one, created_at=DAY)
        )
        await tx.connection.execute("insert into open_way values ('webhook') on conflict do nothing")
    return one


async def test_from_the_queue_to_a_receiver_in_order_and_once(
    database_for: DatabaseFor, way: Way, key: MessageKey
) -> None:
    db = await database_for("notifications")
    one = await subscribed(db, way.receiver)
    ids = await said(db, one, one, one, kind="counter.short")
    async with working(db, way.channel):
        await settled(db, "delivered", 3)
    assert [one.headers["webhook-id"] for one in way.receiver.got] == [str(message) for message in ids]
    bodies = believed(written(key.secret(name_of(one, one))), way.receiver.got)
    assert [body["data"]["notification_id"] for body in bodies] == [str(message) for message in ids]
    assert {body["data"]["language"] for body in bodies} == {"en"}
    assert "employee" not in json.dumps(bodies)
    async with db.read() as tx:
        sent = await store.sent(tx, one, before=2**62, limit=10)
    assert [(row.notification_id, row.state) for row in sent] == [(message, "delivered") for message in ids[::-1]]


async def test_who_says_that_it_is_gone_is_stopped(database_for: DatabaseFor, way: Way) -> None:
    db = await database_for("notifications")
    one = await subscribed(db, way.receiver)
    way.receiver.answer = always(410)
    (message,) = await said(db, one, kind="counter.short")
    async with working(db, way.channel):
        await settled(db, "dead", 1)
    assert await states(db) == {message: "dead"}
    async with db.read() as tx:
        stopped = await store.find(tx, one)
    assert stopped is not None
    assert (stopped.active, stopped.gone) == (False, True)
