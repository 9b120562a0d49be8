"""Letters from the message to the reader's mail server, and back by their links, as the service runs."""

import email
import email.policy
import re
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from services.notifications.app import create_app
from services.notifications.channels.email import opened
from services.notifications.commands.notices import tell
from services.notifications.domain import links
from services.notifications.domain.links import Acknowledge, End, Link, unsubscribing
from services.notifications.store import deletion
from services.notifications.tasks.confirmations import ask_next
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.database import Database
from shared.message_key import MessageKey
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_notifications_telling import (
    ADI,
    BUDI,
    CITRA,
    NOW,
    TODAY,
    counter,
    person,
    plan,
    received,
    review,
)
from tests.kit.kafka import eventually
from tests.kit.mail_server import MailRoom, mail_server
from tests.kit.mailing import PUBLIC, mail_settings
from tests.kit.services import Signer, in_process, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="session")


class House:
    """The running service, its mail server, and what a reader does with a letter."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings, db: Database, room: MailRoom) -> None:
        self.client, self.settings, self.db, self.room = client, settings, db, room
        self.clock = FixedClock(NOW)
        assert settings.message_key_file is not None
        self.tag = MessageKey.from_file(settings.message_key_file).tag

    async def hear(self, *events: Any) -> None:
        context = HandlerContext(self.settings, self.db, self.clock, Metrics("notifications"))
        await tell([received(event) for event in events], context)

    async def letters(self, how_many: int) -> list[EmailMessage]:
        async def there() -> bool:
            return len(self.room.letters) >= how_many

        await eventually(there)
        return [email.message_from_bytes(one.content, policy=email.policy.default) for one in self.room.letters]

    def path(self, link: Link) -> str:
        return f"/notifications/links/{links.token(link, self.tag)}"

    async def look(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        return await self.client.request(method, path, **more)

    async def value(self, query: str, *arguments: Any) -> Any:
        async with self.db.read() as tx:
            return await tx.connection.fetchval(query, *arguments)


@pytest_asyncio.fixture(loop_scope="session")
async def house(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[House]:
    db = await database_for("notifications")
    async with mail_server() as room:
        told = mail_settings(tmp_path, room.port)
        settings = settings_for("notifications", Signer(), tmp_path, database_url=db.url, **told)
        app = create_app(settings, FixedClock(NOW))
        async with in_process(app) as client:
            house = House(client, settings, db, room)

            async def opened_ways() -> bool:
                return bool(await house.value("select count(*) from open_way"))

            await eventually(opened_ways)
            yield house


def words(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return body.get_content()


def links_in(letter: EmailMessage) -> list[str]:
    found = re.findall(rf"{re.escape(PUBLIC)}(/notifications/links/\S+)", words(letter))
    return [str(one) for one in found]


async def test_a_short_counter_reaches_its_head_by_letter_and_is_seen_to_by_its_button_alone(house: House) -> None:
    await house.hear(person(BUDI, unit="KANTOR", heads=["U1"], email="budi@bekasikota.example"), person(ADI))
    await house.hear(counter("short", 1))
    letter = (await house.letters(1))[0]
    assert letter["To"] == "budi@bekasikota.example"
    assert letter["List-Unsubscribe"] is None
    assert "Nama Rahasia" not in words(letter)
    assert str(BUDI) not in words(letter)
    path = links_in(letter)[0]
    for method in ("GET", "HEAD", "GET"):
        answer = await house.look(path, method)
        assert answer.status_code in (200, 405), method
    page = (await house.look(path)).text
    assert "<button" in page
    assert "<script" not in page
    assert await house.value("select count(*) from escalation where acknowledged_at is not null") == 0
    answer = await house.look(path, "POST")
    assert (answer.status_code, "<button" in answer.text) == (200, False)
    assert await house.value("select acknowledged_by from escalation") == BUDI
    assert (await house.look(path, "POST")).status_code == 200
    assert await house.value("select count(*) from escalation where acknowledged_at is not null") == 1


async def test_one_click_turns_a_kind_off_by_letter_and_leaves_the_inbox(house: House) -> None:
    await house.hear(person(ADI, email="adi@bekasikota.example"), plan(ADI))
    path = house.path(unsubscribing(ADI, ["schedule.changed"]))
    assert "<button" in (await house.look(path)).text
    assert await house.value("select count(*) from preference") == 0
    for _ in range(2):
        answer = await house.look(path, "POST", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        muted = await house.value("select muted from preference where employee_id = $1", ADI)
        assert muted == ["schedule.changed/email"]
    await house.hear(plan(ADI, "WFH", 2))
    assert await house.value("select status from message where kind = 'schedule.changed'") == "delivered"
    await house.hear(review("returned"))
    ways = "select array_agg(kind || '/' || way) from delivery"
    assert await house.value(ways) == ["report.returned/email"]
    assert len(await house.letters(1)) == 1


async def test_what_cannot_be_turned_off_says_so_and_stays(house: House) -> None:
    await house.hear(person(ADI))
    answer = await house.look(house.path(unsubscribing(ADI, ["report.returned"])), "POST")
    assert "tidak dapat dimatikan" in answer.text
    assert await house.value("select count(*) from preference") == 0
    mixed = house.path(unsubscribing(ADI, ["report.returned", "schedule.new"]))
    english = await house.look(mixed, headers={"accept-language": "en"})
    assert "cannot be turned off" in english.text
    await house.look(mixed, "POST")
    assert await house.value("select muted from preference where employee_id = $1", ADI) == ["schedule.new/email"]


async def test_a_link_that_is_old_or_damaged_or_of_somebody_gone_does_nothing_and_says_what_to_do(
    house: House,
) -> None:
    await house.hear(person(BUDI, unit="KANTOR", heads=["U1"]), person(ADI))
    await house.hear(counter("short", 1))
    notification = await house.value("select notification_id from message where kind = 'counter.short'")
    old = house.path(Acknowledge(notification, BUDI, NOW.replace(month=10)))
    mine = house.path(Acknowledge(notification, CITRA, NOW.replace(microsecond=0)))
    none = house.path(Acknowledge(uuid4(), BUDI, NOW.replace(microsecond=0)))
    good = house.path(Acknowledge(notification, BUDI, NOW.replace(microsecond=0)))
    for path, status in ((old, 410), (mine, 410), (none, 410), (good[:-1], 404), (good + "A", 404)):
        answer = await house.look(path, "POST")
        assert answer.status_code == status, path
        assert "<button" not in answer.text
        assert 'href="' in answer.text
    assert await house.value("select count(*) from escalation where acknowledged_at is not null") == 0
    gone = house.path(unsubscribing(uuid4(), ["schedule.new"]))
    assert (await house.look(gone, "POST")).status_code == 410
    await house.hear(person(BUDI, unit="KANTOR", revision=2, active=False))
    assert (await house.look(house.path(unsubscribing(BUDI, ["schedule.new"])), "POST")).status_code == 410
    assert await house.value("select count(*) from preference") == 0


async def test_a_page_is_shown_strictly_and_in_the_language_that_was_asked_for(house: House) -> None:
    await house.hear(person(ADI))
    path = house.path(unsubscribing(ADI, ["schedule.new"]))
    answer = await house.look(f"{path}?lang=en", headers={"accept-language": "id"})
    assert '<html lang="en">' in answer.text
    assert "Stop these by e-mail?" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert (await house.look(f"{path}?lang=fr")).status_code == 422


async def office(db: Database, address: str = "dewan@bekasikota.example") -> UUID:
    """An office that BKPSDM put down for the weekly digest."""
    one = uuid4()
    async with db.transaction() as tx:
        await tx.connection.execute(
            "insert into subscription (subscription_id, way, address, kinds, description, language, active, "
            "created_by, created_at) "
            "values ($1, 'email', $2, '{digest.council}', 'Dewan', 'id', false, $1, now())",
            one,
            address,
        )
    return one


async def test_an_office_gets_nothing_but_a_question_until_it_says_yes_and_ends_it_by_one_click(
    house: House,
) -> None:
    one = await office(house.db)
    question = (await house.letters(1))[0]
    assert question["To"] == "dewan@bekasikota.example"
    path = links_in(question)[0]
    await house.look(path)
    channel = opened(house.settings)
    assert channel is not None

    async def addresses() -> list[UUID]:
        async with house.db.read() as tx:
            return list(await channel.addresses(tx, [one]))

    assert await addresses() == []
    assert (await house.look(path, "POST")).status_code == 200
    assert await addresses() == [one]
    assert (await house.look(path, "POST")).status_code == 200
    end = house.path(End(one))
    await house.look(end)
    assert await addresses() == [one]
    assert (await house.look(end, "POST", data={"List-Unsubscribe": "One-Click"})).status_code == 200
    assert await addresses() == []
    assert len(house.room.letters) == 1


async def test_an_office_is_asked_once_whatever_its_server_says_and_anew_at_another_address(
    house: House, database_for: DatabaseFor
) -> None:
    db = await database_for("notifications")
    channel = opened(house.settings)
    assert channel is not None
    one = await office(db)
    house.room.say("RCPT", "451 4.7.1 greylisted")
    assert await ask_next(db, channel)
    assert not await ask_next(db, channel)  # ten minutes later
    async with db.transaction() as tx:
        await tx.connection.execute("update subscription set ask_at = now()")
    house.room.say("RCPT", "550 5.1.1 nobody")
    assert await ask_next(db, channel)
    async with db.transaction() as tx:
        await tx.connection.execute("update subscription set ask_at = now()")
    assert not await ask_next(db, channel)
    async with db.transaction() as tx:
        await tx.connection.execute("update subscription set address = 'lain@bekasikota.example'")
    assert await ask_next(db, channel)
    assert not await ask_next(db, channel)
    assert [letter.to for letter in house.room.letters] == [["lain@bekasikota.example"]]
    token = re.findall(r"/notifications/links/(\S+)", words((await house.letters(1))[0]))[0]
    link = links.read(token, house.tag)
    assert link == links.Confirm(one, links.digest("lain@bekasikota.example"))
    await channel.close()


async def test_who_is_erased_gets_no_letter(house: House) -> None:
    await house.hear(person(ADI, email="adi@bekasikota.example"))
    async with house.db.transaction() as tx:
        await tx.connection.execute(
            "update recipient set active = false, email = null where employee_id = $1", ADI
        )
        await deletion.forget(tx, [ADI])
    channel = opened(house.settings)
    assert channel is not None
    async with house.db.read() as tx:
        assert await channel.addresses(tx, [ADI]) == {}
    await house.hear(review("returned", date=TODAY))
    assert house.room.letters == []
