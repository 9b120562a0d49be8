"""Gateways to phones: through the real Apprise, to a real receiver over HTTP."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web
from apprise import Apprise, AppriseResult, AppriseResultStatus

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.channels.gateway import Channel, Gateway, gateways_of, international, opened, written
from services.notifications.domain.rules import shipped
from services.notifications.domain.samples import SAMPLES, of
from services.notifications.views.wording import Worded, worded
from shared.settings import Settings, SettingsError
from tests.conftest import DatabaseFor

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = "6281234567890"
BASE = "https://hadir.contoh.go.id"
WORDS = [worded(one, "id", shipped().kinds[one.kind]) for one in SAMPLES if one.read_by == "person"]


@dataclass
class Receiver:
    """A provider's server; `answers` are by the first part of the path, and `got` is what came."""

    port: int = 0
    got: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        what = request.path.split("/")[1]
        if what == "hangs":
            await request.read()
            self.got.append((request.path, {}))
            await self.over.wait()
        self.got.append((request.path, json.loads(await request.read())))
        if what == "elsewhere":
            raise web.HTTPTemporaryRedirect("/takes/redirected")
        return web.Response(status=200 if what == "takes" else 503)

    def url(self, what: str, query: str = "") -> str:
        return f"json://kunci:rahasia@127.0.0.1:{self.port}/{what}/{{phone}}{query}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.got]


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    made, app = Receiver(), web.Application()
    app.router.add_post("/{rest:.*}", made.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    made.over.set()
    await runner.cleanup()


async def sent(*templates: str, words: list[Worded] | None = None) -> Outcome:
    channel = Channel([Gateway(f"g{nth}", one) for nth, one in enumerate(templates, 1)], BASE)
    parcel = Parcel(uuid4(), uuid4(), words or WORDS[:1], [Address("phone", "g1", PHONE)], 1)
    return await channel.send(parcel)


async def test_a_message_gets_to_the_first_gateway_with_what_to_do_and_its_link(receiver: Receiver) -> None:
    outcome = await sent(receiver.url("takes"), receiver.url("takes", "?+never=1"))
    assert outcome == Outcome("delivered", reached=frozenset({"phone"}))
    ((path, body),) = receiver.got
    assert path == f"/takes/{PHONE}"
    assert body["message"] == f"{WORDS[0].title}\n{WORDS[0].text}\n{BASE}{WORDS[0].link}"
    assert body["title"] == ""


async def test_the_next_gateway_is_tried_where_one_fails_and_none_tries_again_by_itself(
    receiver: Receiver,
) -> None:
    outcome = await sent(receiver.url("fails", "?retry=3&wait=0"), receiver.url("takes"))
    assert outcome.became == "delivered"
    assert receiver.paths == [f"/fails/{PHONE}", f"/takes/{PHONE}"]


async def test_what_all_gateways_fail_to_take_is_tried_later(receiver: Receiver) -> None:
    closed = "json://127.0.0.1:9/{phone}"
    outcome = await sent(receiver.url("fails"), closed)
    assert (outcome.became, outcome.away, outcome.reached) == ("later", True, frozenset())
    assert outcome.error == "g1: failure; g2: failure"


async def test_a_gateway_that_does_not_answer_may_have_it_and_no_other_is_tried(receiver: Receiver) -> None:
    outcome = await sent(receiver.url("hangs", "?rto=0.3"), receiver.url("takes"))
    assert outcome == Outcome("unknown", "g1: no answer in time")
    assert receiver.paths == [f"/hangs/{PHONE}"]


async def test_one_address_of_several_that_took_it_is_enough(receiver: Receiver) -> None:
    both = f"{receiver.url('takes')}, {receiver.url('fails')}"
    outcome = await sent(both, receiver.url("takes"))
    assert outcome.became == "delivered"
    assert sorted(receiver.paths) == [f"/fails/{PHONE}", f"/takes/{PHONE}"]


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    outcome = await sent(receiver.url("elsewhere", "?redirect=yes"))
    assert outcome.became == "later"
    assert receiver.paths == [f"/elsewhere/{PHONE}"]


async def test_several_messages_are_one_text_with_their_titles(receiver: Receiver) -> None:
    await sent(receiver.url("takes"), words=WORDS[:3])
    ((_, body),) = receiver.got
    first, *rest = body["message"].split("\n")
    assert first == "3 pesan Hadir:"
    assert rest == [*(f"- {one.title}" for one in WORDS[:3]), f"{BASE}/reporting/app/inbox/"]


async def test_what_apprise_says_is_as_this_channel_reads_it(receiver: Receiver) -> None:
    """Its second version: an object and never a boolean; 0 is success; PARTIAL says who has it."""
    made: Any = Apprise()
    made.add(receiver.url("takes"))
    result = await asyncio.to_thread(made.notify, body="isi")
    assert isinstance(result, AppriseResult)
    assert (int(result.status), bool(result)) == (0, True)
    receiver.got.clear()
    blank = await asyncio.to_thread(made.notify, body=" ", title="judul")
    assert blank.status == AppriseResultStatus.SUCCESS, "a message without a word: so there is never a title alone"
    assert [body["message"] for _, body in receiver.got] == [""]
    made.add(receiver.url("fails"))
    partial = await asyncio.to_thread(made.notify, body="isi")
    assert partial.status == AppriseResultStatus.PARTIAL
    assert {one.url.split("/")[3]: bool(one) for one in partial} == {"takes": True, "fails": False}


async def test_no_text_that_is_handed_over_is_blank() -> None:
    for words in WORDS:
        assert written([words], BASE).strip()


async def test_no_secret_and_no_number_is_logged_or_told(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outcome = await sent(receiver.url("fails"), "json://kunci:rahasia@127.0.0.1:9/{phone}")
    told = f"{outcome} {Gateway('g', receiver.url('takes'))!r} {Address('phone', 'g1', PHONE)!r} {caplog.text}"
    assert "rahasia" not in told
    assert PHONE not in told


async def test_only_active_people_with_a_mobile_number_have_an_address(database_for: DatabaseFor) -> None:
    db = await database_for("notifications")
    people = [uuid4() for _ in range(4)]
    given = [("+62 812-3456-7890", True), ("021 5550123", True), ("081234567890", False), (None, True)]
    async with db.transaction() as tx:
        for person, (phone, active) in zip(people, given, strict=True):
            await tx.connection.execute(
                "insert into recipient (employee_id, heads, skills, active, phone, revision, ce_id) "
                "values ($1, '[]', '[]', $2, $3, 1, $1)",
                person,
                active,
                phone,
            )
        found = await Channel([Gateway("sms", "json://x/{phone}")], BASE).addresses(tx, [*people, uuid4()])
    assert {person: [one.where for one in places] for person, places in found.items()} == {people[0]: [PHONE]}


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("0812 3456 7890", PHONE),
        ("812-3456-7890", PHONE),
        ("+62 (0)812.3456.7890", PHONE),
        ("0062 81234567890", PHONE),
        ("6281234567890", PHONE),
        ("+65 8123 4567", "6581234567"),
        ("021 5550123", None),
        ("+62 21 5550123", None),
        ("0812", None),
        ("tanya atasan", None),
        ("", None),
        ("0812\n3456 7890", PHONE),
        ("+6281234567890/../x", None),
    ],
)
async def test_a_number_is_written_with_its_country_or_not_at_all(phone: str, digits: str | None) -> None:
    assert international(phone) == digits


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ('sms = "json://u:rahasia@h/{phone}"', 0o644, "chmod 600"),
        ('sms = "json://u:rahasia@h/"', 0o600, "sms has to be an address"),
        ("sms = 5", 0o600, "sms has to be an address"),
        ('sms = "surat://u:rahasia@h/{phone}"', 0o600, "cannot read the address of sms"),
        ("", 0o600, "names no gateway"),
        ('sms = "rahasia', 0o600, "cannot be read as TOML"),
    ],
)
async def test_a_wrong_file_is_refused_with_the_mend_and_without_a_secret(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    file = tmp_path / "gateways.toml"
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(SettingsError, match=said) as refused:
        gateways_of(file)
    assert "rahasia" not in str(refused.value)


async def test_the_way_is_off_until_gateways_are_named(tmp_path: Path) -> None:
    file = tmp_path / "gateways.toml"
    file.write_text('wa = "json://h/{phone}"\nsms = "json://i/{phone}"\n', encoding="utf-8")
    file.chmod(0o600)
    off = Settings.model_construct(service="notifications", gateways_file=None)
    on = Settings.model_construct(service="notifications", gateways_file=file)
    assert opened(off) is None
    channel = opened(on)
    assert channel is not None
    assert [one.name for one in gateways_of(file)] == ["wa", "sms"]
    await channel.close()


async def test_apprise_is_not_loaded_where_no_gateway_is_named() -> None:
    code = (
        "import sys, services.notifications.channels.gateway, services.notifications.app; "
        "sys.exit('apprise' in sys.modules)"
    )
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await other.wait() == 0


async def test_every_sample_fits_into_a_few_short_messages() -> None:
    assert max(len(written([words], BASE)) for words in WORDS) <= 1000
    assert all(of(words.kind) for words in WORDS)
