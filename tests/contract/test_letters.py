"""Our letters as other programs read them: Python's old parser, and mailparser of Node's."""

import base64
import email
import email.policy
import json
import re
import subprocess
from datetime import datetime
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses, parseaddr
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.notifications.channels.email import written
from services.notifications.domain import links
from services.notifications.domain.kinds import Kind
from services.notifications.domain.links import Link
from services.notifications.views.letters import Letter, confirmation, letter
from services.notifications.views.wording import Worded
from shared import mailbox
from tests.kit.mailing import AT, PUBLIC, parcel, worded
from tests.kit.npm import npm_home

HOME = Path(__file__).parent / "mailparser"
SENDERS = (
    "hadir@bekasikota.example",
    "Hadir Kota Bekasi <hadir@bekasikota.example>",
    '"Badan Kepegawaian, Drs. H. Pengembangan, S.Sos., M.Si." <hadir@bekasikota.example>',
)


def tag(said: bytes) -> bytes:
    return bytes(16)


def link_to(link: Link) -> str:
    return f"{PUBLIC}/notifications/links/{links.token(link, tag)}"


def made(*messages: Worded, fixed: tuple[Kind, ...] = (), subscribed: bool = False) -> Letter:
    return letter(parcel(*messages), PUBLIC, link_to, fixed=fixed, subscribed=subscribed)


def wire(said: Letter, sender: str = SENDERS[1], reply_to: str | None = None, to: str = "budi@b.example") -> bytes:
    header = mailbox.header(sender)
    answer = mailbox.header(reply_to) if reply_to else None
    return written(said, to, str(UUID(int=7)), sender=header, reply_to=answer, at=AT)


def of_node(*contents: bytes) -> list[dict[str, Any]]:
    lines = "".join(f"{base64.b64encode(content).decode()}\n" for content in contents)
    ran = subprocess.run(
        ["node", HOME / "read.js"],
        cwd=npm_home(HOME),
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def of_old(content: bytes) -> Message:
    return email.message_from_bytes(content, policy=email.policy.compat32)


def test_every_reader_finds_where_to_unsubscribe() -> None:
    contents = [wire(made(worded(1))), wire(made(worded(1), worded(2, kind="schedule.changed"), subscribed=True))]
    for said, node, content in zip(
        (made(worded(1)), made(worded(1), worded(2), subscribed=True)), of_node(*contents), contents, strict=True
    ):
        assert said.unsubscribe is not None
        assert len(said.unsubscribe) > 60
        assert node["unsubscribe"] == said.unsubscribe
        assert node["oneClick"] == "List-Unsubscribe=One-Click"
        old = of_old(content)
        assert old["List-Unsubscribe"] == f"<{said.unsubscribe}>"
        assert old["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert b"\r\nList-Unsubscribe: <" + said.unsubscribe.encode() + b">\r\n" in content


@pytest.mark.parametrize("sender", SENDERS)
def test_every_reader_sees_one_sender_whatever_the_name(sender: str) -> None:
    content = wire(
        made(), sender, reply_to=sender, to="a.rather.long.name.of.somebody@sekretariat.bekasikota.example"
    )
    name, address = parseaddr(sender)
    node = of_node(content)[0]
    for field in ("from", "replyTo"):
        assert [(one["name"], one["address"]) for one in node[field]] == [(name, address)]
    assert [one["address"] for one in node["to"]] == [
        "a.rather.long.name.of.somebody@sekretariat.bekasikota.example"
    ]
    old = of_old(content)
    for field in ("From", "Reply-To"):
        assert getaddresses(old.get_all(field, [])) == [(name, address)]


def test_texts_titles_and_dates_arrive_as_they_were_written() -> None:
    title = "Jadwal Anda berubah – Kamis, 6 November: “rumah” é " + "panjang" * 20
    said = made(worded(1, title=title, text="Baris – dengan tanda “kutip” & <sudut>."))
    content = wire(said)
    node = of_node(content)[0]
    assert node["subject"] == title
    assert str(make_header(decode_header(of_old(content)["Subject"]))) == title
    assert node["text"].strip() == said.text.strip()
    assert node["html"].strip() == said.html.strip()
    assert datetime.fromisoformat(node["date"]) == AT
    assert node["id"] == f"<{UUID(int=7)}@bekasikota.example>"
    old = of_old(content)
    assert (old["Auto-Submitted"], old["Content-Language"]) == ("auto-generated", "id")
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_title_breaks_out_of_no_header() -> None:
    said = made(worded(1, title="Jadwal\r\nBcc: semua@b.example\r\n\r\n<b>"))
    node = of_node(wire(said))[0]
    assert node["subject"] == "Jadwal Bcc: semua@b.example <b>"
    assert of_old(wire(said))["Bcc"] is None
    assert "<b>" not in said.html


@pytest.mark.parametrize(
    "to", ["budi@b.example\r\nBcc: ani@b.example", "budi@b.example, ani@b.example", "", "budi"]
)
def test_a_letter_is_written_to_one_address_or_not_at_all(to: str) -> None:
    with pytest.raises(ValueError, match="address"):
        wire(made(), to=to)


@pytest.mark.parametrize(
    "value",
    [
        "hadir",
        "Hadir",
        "Hadir <hadir@b.example>\nBcc: semua@b.example",
        "Hádir <hadir@b.example>",
        f"{'x' * 61} <hadir@b.example>",
        "a@b.example, c@b.example",
    ],
)
def test_a_sender_that_a_reader_could_take_otherwise_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="write it as Name <name@domain>"):
        mailbox.header(value)


def test_what_cannot_be_turned_off_offers_no_way_and_says_so() -> None:
    said = made(worded(1), fixed=("counter.short",))
    assert said.unsubscribe is None
    assert "tidak dapat dimatikan" in said.text
    assert of_old(wire(said))["List-Unsubscribe"] is None
    both = made(worded(1), worded(2, kind="schedule.changed"), fixed=("counter.short",))
    assert both.unsubscribe is not None
    link = links.read(both.unsubscribe.rpartition("/")[2], tag)
    assert link == links.Unsubscribe(UUID(int=1), ("schedule.changed",))


def test_one_click_is_offered_where_the_way_is_encrypted_alone() -> None:
    said = letter(parcel(), "http://127.0.0.1", lambda _: "http://127.0.0.1/x", fixed=(), subscribed=False)
    assert of_old(wire(said))["List-Unsubscribe"] == "<http://127.0.0.1/x>"
    assert of_old(wire(said))["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_letter_says_what_why_and_where_in_one_language(language: Any) -> None:
    said = made(worded(1, language=language), worded(2, language=language, link=None, acknowledge=False))
    for part in (said.text, re.sub(r"&[a-z]+;", "", said.html)):
        assert part.count("Loket Jatiasih kekurangan petugas") >= 2
        assert part.count("Anda menerima ini karena mengepalai unit itu.") == 2
        assert part.count(f"{PUBLIC}/reporting/desk/counters/JATI-1") == 1
    opens = {"id": "Buka di Hadir", "en": "Open in Hadir"}
    assert opens[language] in said.text
    other = opens["en" if language == "id" else "id"]
    assert other not in said.text + said.html
    assert f'<html lang="{language}">' in said.html


class _Fetched(HTMLParser):
    """What a reader of mail would fetch, or run, by showing a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("img", "script", "link", "iframe", "form", "object", "video", "audio", "base"):
            self.found.append(tag)
        self.found += [
            name for name, _ in attrs if name in ("src", "srcset", "background") or name.startswith("on")
        ]


def test_showing_a_letter_fetches_nothing_and_tells_nobody() -> None:
    for said in (made(), confirmation(UUID(int=3), "a@b.example", ["digest.council"], "id", link_to)):
        fetched = _Fetched()
        fetched.feed(said.html)
        assert fetched.found == []
        assert "url(" not in said.html
        assert "@import" not in said.html


def test_an_office_is_asked_before_anything_is_sent() -> None:
    said = confirmation(UUID(int=3), "a@b.example", ["digest.council"], "id", link_to)
    assert said.unsubscribe is None
    token = said.text.split("/notifications/links/")[1].split()[0]
    assert links.read(token, tag) == links.Confirm(UUID(int=3), links.digest("a@b.example"))
    parsed = email.message_from_bytes(wire(said), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert parsed["Subject"] == said.subject
