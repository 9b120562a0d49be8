"""A letter on a real mail server: taken once, or known not to be, or known to be in doubt."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.notifications.channels import Outcome
from services.notifications.channels import email as channels
from services.notifications.channels.email import GREYLISTED, EmailChannel, opened
from shared.settings import Settings
from tests.kit.mail_server import MailRoom, certificate, mail_server
from tests.kit.mailing import parcel, settings_of, worded

pytestmark = pytest.mark.asyncio(loop_scope="session")


@contextmanager
def impatient(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """What never answers is given up soon."""
    with monkeypatch.context() as patch:
        for name, seconds in (("OPENING_S", 1.0), ("ENVELOPE_S", 1.0), ("ALL_S", 1.5)):
            patch.setattr(channels, name, seconds)
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def room() -> AsyncIterator[MailRoom]:
    async with mail_server() as room:
        yield room


def channel_of(settings: Settings) -> EmailChannel:
    channel = opened(settings)
    assert channel is not None
    return channel


@pytest_asyncio.fixture(loop_scope="session")
async def channel(room: MailRoom, tmp_path: Path) -> AsyncIterator[EmailChannel]:
    channel = channel_of(settings_of(tmp_path, room.port))
    yield channel
    await channel.close()


def read(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


async def test_a_letter_is_taken_and_the_connection_serves_the_next(room: MailRoom, channel: EmailChannel) -> None:
    for nth in range(3):
        assert await channel.send(parcel(worded(nth))) == Outcome("delivered")
    assert room.connections == 1
    assert [one.to for one in room.letters] == [["budi@bekasikota.example"]] * 3
    assert room.letters[0].sender == "hadir@bekasikota.example"
    identities = {read(one.content)["Message-ID"] for one in room.letters}
    assert len(identities) == 3


async def test_the_same_parcel_has_the_same_identity_on_every_try(room: MailRoom, channel: EmailChannel) -> None:
    for _ in range(2):
        await channel.send(parcel())
    first, second = (read(one.content) for one in room.letters)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("command", "answer", "outcome"),
    [
        ("RCPT", "451 4.7.1 greylisted, come again", Outcome("later", "recipient: 451 4.7.1", GREYLISTED)),
        ("RCPT", "450 4.2.0 busy", Outcome("later", "recipient: 450 4.2.0", GREYLISTED)),
        ("RCPT", "452 4.2.2 budi@bekasikota.example is full", Outcome("later", "recipient: 452 4.2.2")),
        ("RCPT", "550 5.1.1 no budi@bekasikota.example", Outcome("refused", "recipient: 550 5.1.1")),
        ("RCPT", "421 4.3.2 going down", Outcome("later", "recipient: 421 4.3.2", away=True)),
        ("MAIL", "452 4.3.1 disk full", Outcome("later", "sender: 452 4.3.1", away=True)),
        ("MAIL", "550 5.7.1 who are you", Outcome("later", "sender: 550 5.7.1", away=True)),
        ("PREDATA", "451 4.3.0 not now", Outcome("later", "letter: 451 4.3.0", GREYLISTED)),
        ("PREDATA", "554 5.5.1 no", Outcome("refused", "letter: 554 5.5.1")),
        ("DATA", "451 4.3.0 scanner away", Outcome("later", "letter: 451 4.3.0", GREYLISTED)),
        ("DATA", "554 5.6.0 no such letter", Outcome("refused", "letter: 554 5.6.0")),
        ("DATA", "250 taken", Outcome("delivered")),
    ],
)
async def test_an_answer_says_what_became_of_it(
    room: MailRoom, channel: EmailChannel, command: str, answer: str, outcome: Outcome
) -> None:
    room.say(command, answer)
    assert await channel.send(parcel()) == outcome
    assert len(room.letters) == (outcome.became == "delivered")
    assert await channel.send(parcel()) == Outcome("delivered")


async def test_one_reader_who_is_refused_takes_nobody_elses_letter(room: MailRoom, channel: EmailChannel) -> None:
    room.say("RCPT", "550 5.1.1 unknown")
    became = [(await channel.send(parcel(to=to))).became for to in ("a@b.example", "c@d.example")]
    assert became == ["refused", "delivered"]
    assert [one.to for one in room.letters] == [["c@d.example"]]
    assert room.connections == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "PREDATA"])
@pytest.mark.parametrize("how", ["hang", "bye"])
async def test_before_the_letter_was_asked_for_it_is_tried_again(
    room: MailRoom,
    channel: EmailChannel,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    how: str,
) -> None:
    room.say(command, how)
    with impatient(monkeypatch):
        outcome = await channel.send(parcel())
    assert (outcome.became, outcome.away) == ("later", True)
    assert room.letters == []


@pytest.mark.parametrize("how", ["hang", "bye"])
async def test_after_the_letter_it_is_in_doubt(
    room: MailRoom, channel: EmailChannel, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    room.say("DATA", how)
    with impatient(monkeypatch):
        outcome = await channel.send(parcel())
    assert (outcome.became, outcome.away) == ("unknown", True)


async def test_a_connection_that_the_server_ended_meanwhile_costs_no_letter(
    room: MailRoom, channel: EmailChannel
) -> None:
    for ends in ("421 4.4.2 idle for too long", "bye"):
        assert (await channel.send(parcel())).became == "delivered"
        before = room.connections
        room.say("MAIL", ends)
        assert await channel.send(parcel()) == Outcome("delivered")
        assert room.connections == before + 1


async def test_a_letter_that_is_called_off_leaves_no_half_open_connection(
    room: MailRoom, channel: EmailChannel
) -> None:
    room.say("RCPT", "hang")
    sending = asyncio.create_task(channel.send(parcel()))
    await room.hanging.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await channel.send(parcel()) == Outcome("delivered")
    assert room.connections == 2


async def test_nobody_listens(tmp_path: Path, room: MailRoom) -> None:
    async with mail_server() as other:
        port = other.port
    outcome = await channel_of(settings_of(tmp_path, port)).send(parcel())
    assert (outcome.became, outcome.away) == ("later", True)


async def test_a_server_that_never_greets_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
    with impatient(monkeypatch):
        outcome = await channel_of(settings_of(tmp_path, quiet.sockets[0].getsockname()[1])).send(parcel())
    quiet.close()
    assert (outcome.became, outcome.away) == ("later", True)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(("host", "became"), [("127.0.0.1", "delivered"), ("lain.example", "later")])
async def test_a_letter_goes_to_the_server_of_the_certificate_alone(
    tmp_path: Path, implicit: bool, host: str, became: str
) -> None:
    context, believed = certificate(tmp_path, host)
    how: dict[str, Any] = {"smtp_tls": "tls" if implicit else "starttls", "smtp_ca_file": believed}
    async with mail_server(tls=context, implicit=implicit) as room:
        channel = channel_of(settings_of(tmp_path, room.port, **how))
        outcome = await channel.send(parcel())
        assert outcome.became == became
        if became == "later":
            assert outcome.away
            assert outcome.error is not None
            assert "certificate" in outcome.error
        assert len(room.letters) == (became == "delivered")
        strangers = channel_of(settings_of(tmp_path, room.port, smtp_tls=how["smtp_tls"]))
        assert (await strangers.send(parcel())).away
        await channel.close()


async def test_without_the_encryption_that_is_insisted_on_nothing_is_sent(tmp_path: Path, room: MailRoom) -> None:
    outcome = await channel_of(settings_of(tmp_path, room.port, smtp_tls="starttls")).send(parcel())
    assert (outcome.became, outcome.away) == ("later", True)
    assert room.letters == []


async def test_a_server_that_knows_us_takes_it_and_one_that_does_not_is_away(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    async with mail_server(password=b"rahasia") as room:
        for said, outcome in (
            ("rahasia\n", Outcome("delivered")),
            ("salah", Outcome("later", "no connection: 535 5.7.8", away=True)),
        ):
            secret.write_text(said)
            user = {"smtp_user": "hadir", "smtp_password_file": secret}
            channel = channel_of(settings_of(tmp_path, room.port, **user))
            assert await channel.send(parcel()) == outcome
            await channel.close()
    assert len(room.letters) == 1


async def test_an_address_with_a_line_break_reaches_no_server(room: MailRoom, channel: EmailChannel) -> None:
    for to in ("budi@b.example\r\nRCPT TO:<ani@b.example>", "budi@b.example>, <ani@b.example", ""):
        assert (await channel.send(parcel(to=to))).became == "refused"
    assert room.connections == 0


async def test_lines_that_begin_with_a_dot_arrive_as_they_were(room: MailRoom, channel: EmailChannel) -> None:
    said = worded(1, text=".\r\n.Titik di awal baris\n..dua titik\n" + "x" * 2000)
    assert await channel.send(parcel(said)) == Outcome("delivered")
    body = read(room.letters[0].content).get_body(("plain",))
    assert body is not None
    lines = body.get_content().splitlines()
    first = lines.index(".")
    assert lines[first : first + 4] == [".", ".Titik di awal baris", "..dua titik", "x" * 2000]
    assert b"\r\n.Titik" in room.letters[0].content
    assert max(len(line) for line in room.letters[0].content.splitlines()) <= 998
