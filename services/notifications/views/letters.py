"""Letters: messages as an e-mail says them, in plain text and in HTML, and what a letter asks of its reader.

Plain, readable aloud and by night; no picture, nothing fetched from anywhere, nothing that tells who read it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.domain.links import Acknowledge, Confirm, End, Link, digest, unsubscribing
from services.notifications.views.wording import Worded
from shared import templates
from shared.messages import Language, text

LinkTo = Callable[[Link], str]
"""The address of the page where a link is followed."""

_templates = templates.in_folder(Path(__file__).parent / "templates")


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail without its envelope. `unsubscribe`: where its reader turns it off; None where nobody can."""

    language: Language
    subject: str
    text: str
    html: str
    unsubscribe: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """One message in a letter."""

    title: str
    text: str
    why: str
    open: str | None
    acknowledge: str | None


class Bundle(Protocol):
    """What one recipient gets at once."""

    @property
    def recipient(self) -> UUID: ...
    @property
    def messages(self) -> Sequence[Worded]: ...


def letter(bundle: Bundle, base_url: str, link_to: LinkTo, *, fixed: Collection[Kind], subscribed: bool) -> Letter:
    """The letter of one or more messages of one reader, all in one language.

    `fixed`: the kinds that nobody can turn off; `subscribed`: the reader is an office that asked for them.
    """
    first = bundle.messages[0]
    parts = [_part(message, bundle.recipient, base_url, link_to) for message in bundle.messages]
    kinds = [message.kind for message in bundle.messages if message.kind not in fixed]
    off = None
    if subscribed:
        off = link_to(End(bundle.recipient))
    elif kinds:
        off = link_to(unsubscribing(bundle.recipient, kinds))
    language, more = first.language, len(parts) - 1
    subject = text("letter.more", language, title=first.title, count=more) if more else first.title
    ending = "end" if subscribed else "off" if off else "fixed"
    return _made(language, subject, parts, off, ending)


def _part(message: Worded, recipient: UUID, base_url: str, link_to: LinkTo) -> Part:
    said = Acknowledge(message.notification_id, recipient, message.at)
    return Part(
        message.title,
        message.text,
        message.why,
        base_url + message.link if message.link else None,
        link_to(said) if message.acknowledge else None,
    )


def confirmation(
    subscription_id: UUID, address: str, kinds: Sequence[str], language: Language, link_to: LinkTo
) -> Letter:
    """The letter that asks an office whether it wants what somebody asked for at its address."""
    title = text("letter.confirm.title", language)
    named = "; ".join(text(f"notification.kind.{kind}", language) for kind in kinds)
    part = Part(
        title,
        text("letter.confirm.text", language, kinds=named),
        text("letter.confirm.why", language),
        link_to(Confirm(subscription_id, digest(address))),
        None,
    )
    return _made(language, title, [part], None, "confirm")


def _made(language: Language, subject: str, parts: Sequence[Part], off: str | None, ending: str) -> Letter:
    def t(code: str) -> str:
        return text(code, language)

    opening = "letter.confirm.open" if ending == "confirm" else "letter.open"
    ends = text(f"letter.ends.{ending}", language)
    html = _templates.get_template("letter.html").render(
        t=t,
        lang=language,
        subject=subject,
        parts=parts,
        off=off,
        ends=ends,
        opening=opening,
    )
    said = [_plain(part, language, opening) for part in parts]
    last = "\n".join(line for line in (ends, off, text("letter.automatic", language)) if line)
    return Letter(language, " ".join(subject.split()), "\n\n".join([*said, f"-- \n{last}\n"]), html, off)


def _plain(part: Part, language: Language, opening: str) -> str:
    lines = [part.title, "", part.text, ""]
    if part.acknowledge:
        lines += [f"{text('letter.acknowledge', language)}:", part.acknowledge, ""]
    if part.open:
        lines += [f"{text(opening, language)}:", part.open, ""]
    return "\n".join([*lines, part.why])
