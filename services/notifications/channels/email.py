"""E-mail: one letter for one reader, handed to a mail server (RFC 5321); what it answers says what became of it.

The server is the city's own relay: it signs letters (DKIM) and looks for their readers' servers. A letter has one
recipient, so nothing is ever accepted for some and refused for others.
"""

import asyncio
import contextlib
import hashlib
import re
import ssl
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.domain import links
from services.notifications.domain.kinds import Kind, Way
from services.notifications.domain.links import Link
from services.notifications.store import boxes as store
from services.notifications.views.letters import Letter, confirmation, letter
from shared import mailbox
from shared.database import Tx
from shared.dates import WIB
from shared.message_key import MessageKey
from shared.messages import Language
from shared.settings import Settings

OPENING_S = 6.0
"""So long it may take to be connected, encrypted and signed in."""
ENVELOPE_S = 5.0
"""So long the server may think about sender and recipient; until it asks for the letter, it has nothing."""
ALL_S = 19.0
"""So long it may take in all. The queue gives a parcel up after 20 s, and could not tell how far it had come."""
IDLE_S = 20.0
"""A connection that was idle for longer is closed: servers do so after 30 s at the earliest."""
LETTERS = 100
"""So many letters go over one connection."""
GREYLISTED = timedelta(minutes=5)
"""A server that asks to come again later wants this at least; most ask for one to five minutes."""

_STATUS = re.compile(r"(?<![0-9.])[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")
_LINE_OF_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a letter goes, and what its foot says: `fixed` are the kinds that nobody can turn off."""

    address: str
    fixed: frozenset[Kind]
    subscribed: bool


class _Plain(EmailPolicy):
    """Headers as they are read by everybody else too.

    Python writes a word of more than 60 characters in List-Unsubscribe as an encoded word (RFC 2047), in which no
    reader looks for an address, and 3.11.7 loses the quotes of a long name when it folds it. Such headers are
    written as one line, of the 998 characters that RFC 5322 allows.
    """

    _WHOLE = frozenset({"from", "to", "reply-to", "message-id", "list-unsubscribe", "list-unsubscribe-post"})

    def fold(self, name: str, value: Any) -> str:
        return f"{name}: {value}{self.linesep}" if name.lower() in self._WHOLE else super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in self._WHOLE:
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _Plain(linesep="\r\n", cte_type="7bit")


def written(said: Letter, to: str, letter_id: str, *, sender: str, reply_to: str | None, at: datetime) -> bytes:
    """A letter as it goes over the wire. Raises ValueError for what is no address, or no line of a header."""
    _, address = parseaddr(sender)
    if not mailbox.is_address(to) or not mailbox.is_address(address):
        raise ValueError("not an address")
    message = EmailMessage(_POLICY)
    message["From"] = sender
    message["To"] = to
    if reply_to is not None:
        message["Reply-To"] = reply_to
    message["Subject"] = said.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{letter_id}@{address.rpartition('@')[-1]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if said.unsubscribe is not None:
        message["List-Unsubscribe"] = f"<{said.unsubscribe}>"
        if said.unsubscribe.startswith("https:"):  # RFC 8058, 3.1: only there may a reader's server post by itself
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(said.text)
    message.add_alternative(said.html, subtype="html")
    message["Content-Language"] = said.language  # last: until then it would go to the first part
    return message.as_bytes()


class _Server:
    """The connection to one server, and how many letters went over it."""

    def __init__(self, client: SMTP) -> None:
        self.client = client
        self.letters = 0
        self.used_at = time.monotonic()

    async def say(self, *command: bytes) -> None:
        """Raises SMTPResponseException for an answer that is no consent."""
        answer = await self.client.execute_command(*command)
        if not 200 <= answer.code < 400:
            raise SMTPResponseException(answer.code, answer.message)

    async def hand_over(self, content: bytes) -> None:
        """The letter itself, after DATA was agreed to. Its lines end with CRLF already (RFC 5321, 4.5.2)."""
        protocol = self.client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(_LINE_OF_DOT.sub(b"..", content) + b".\r\n")
        answer = await protocol.read_response()
        if not 200 <= answer.code < 300:
            raise SMTPResponseException(answer.code, answer.message)

    def fresh(self) -> bool:
        in_use = self.client.is_connected and self.letters < LETTERS
        return in_use and time.monotonic() - self.used_at < IDLE_S


class EmailChannel:
    """Hands letters to the mail server of the settings."""

    way: Way = "email"
    bundles = True
    repeats_safely = False
    at_once = 4
    at_once_to_a_host = 4
    per_second: float | None = None

    def __init__(self, settings: Settings, key: MessageKey) -> None:
        assert settings.smtp_host is not None  # noqa: S101 - `opened` looks first
        assert settings.mail_from is not None  # noqa: S101 - the settings demand it then
        self._host, self._port, self._tls = settings.smtp_host, settings.smtp_port, settings.smtp_tls
        self._user = settings.smtp_user
        self._password = settings.smtp_password
        self._context = ssl.create_default_context(cafile=settings.smtp_ca_file)
        self._from = mailbox.header(settings.mail_from)
        self._reply_to = mailbox.header(settings.mail_reply_to) if settings.mail_reply_to else None
        self._base_url = settings.base_url
        self._hello = urlsplit(self._base_url).hostname or "localhost"
        self._tag = key.tag
        self._idle: deque[_Server] = deque()

    def link_to(self, link: Link) -> str:
        return f"{self._base_url}/notifications/links/{links.token(link, self._tag)}"

    async def addresses(self, tx: Tx, recipients: Collection[UUID]) -> Mapping[UUID, Sequence[Address]]:
        """Who has none that a letter could be sent to is left out, and so is an office that has not confirmed."""
        fixed = await store.fixed_kinds(tx)
        found: dict[UUID, Sequence[Address]] = {}
        for row in await store.boxes(tx, recipients):
            if mailbox.is_address(row.address):
                box = Box(row.address, fixed, row.subscribed)
                found[row.recipient] = [Address(_key(row.address), self._host, box)]
        return found

    async def forget(self, tx: Tx, keys: Collection[str]) -> None:
        """Nothing: addresses are the directory's. One that is refused is a dead letter, which an officer sees."""

    async def send(self, parcel: Parcel) -> Outcome:
        box = parcel.addresses[0].where
        assert isinstance(box, Box)  # noqa: S101 - made by `addresses`
        said = letter(parcel, self._base_url, self.link_to, fixed=box.fixed, subscribed=box.subscribed)
        return await self._send(said, box.address, str(parcel.id))

    async def ask(
        self, subscription_id: UUID, address: str, kinds: Sequence[str], language: Language, nth: int
    ) -> Outcome:
        """Ask an office whether it wants what was asked for at its address."""
        if not mailbox.is_address(address):
            return Outcome("refused", "not an address")
        said = confirmation(subscription_id, address, kinds, language, self.link_to)
        return await self._send(said, address, f"{subscription_id}.{nth}")

    async def close(self) -> None:
        """Take leave of the server."""
        while self._idle:
            with contextlib.suppress(SMTPException, OSError, TimeoutError):
                await self._idle.pop().client.quit(timeout=1)

    async def _send(self, said: Letter, to: str, letter_id: str) -> Outcome:
        try:
            at = datetime.fromtimestamp(time.time(), WIB).replace(microsecond=0)
            content = written(said, to, letter_id, sender=self._from, reply_to=self._reply_to, at=at)
        except ValueError as error:
            return Outcome("refused", f"cannot be written: {type(error).__name__}")
        until_s = time.monotonic() + ALL_S
        while True:
            used = self._used()
            try:
                server = used or await self._open()
            except (SMTPException, OSError, TimeoutError) as error:
                return Outcome("later", f"no connection: {_what(error)}", away=True)
            try:
                outcome = await self._over(server, content, to, until_s, reused=used is not None)
            except BaseException:
                server.client.close()
                raise
            if outcome is not None:
                return outcome

    def _used(self) -> _Server | None:
        """A connection that is open already."""
        while self._idle:
            server = self._idle.pop()
            if server.fresh():
                return server
            server.client.close()
        return None

    async def _open(self) -> _Server:
        """Connected, encrypted and signed in. Raises what the way there does."""
        client = SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            tls_context=self._context,
            local_hostname=self._hello,
            username=self._user,
            password=self._password,
            timeout=ALL_S,
        )
        try:
            async with asyncio.timeout(OPENING_S):
                await client.connect()
                await client.ehlo()
        except BaseException:
            client.close()
            raise
        return _Server(client)

    async def _over(
        self, server: _Server, content: bytes, to: str, until_s: float, *, reused: bool
    ) -> Outcome | None:
        """Hand a letter over; None if a connection that was open already ended before anything was said of it."""
        _, sender = parseaddr(self._from)
        envelope = {
            "sender": (b"MAIL", b"FROM:<" + sender.encode("ascii") + b">"),
            "recipient": (b"RCPT", b"TO:<" + to.encode("ascii") + b">"),
            "letter": (b"DATA",),
        }
        asked = "sender"
        try:
            async with asyncio.timeout(ENVELOPE_S):
                for name, command in envelope.items():
                    asked = name
                    await server.say(*command)
        except (SMTPException, OSError, TimeoutError) as error:
            await self._keep(server, error)
            ended = not isinstance(error, SMTPResponseException | TimeoutError) or _code(error) == 421
            return None if reused and ended and asked == "sender" else _unsent(error, asked)
        try:
            async with asyncio.timeout(until_s - time.monotonic()):
                await server.hand_over(content)
        except SMTPResponseException as error:
            await self._keep(server, error)
            return _unsent(error, "letter")
        except (SMTPException, OSError, TimeoutError) as error:
            # It may have been taken, and the answer lost.
            server.client.close()
            return Outcome("unknown", f"after the letter: {_what(error)}", away=True)
        await self._keep(server)
        return Outcome("delivered")

    async def _keep(self, server: _Server, error: Exception | None = None) -> None:
        """Use the connection again, unless it is over."""
        server.letters += 1
        server.used_at = time.monotonic()
        if error is not None:
            try:
                if not isinstance(error, SMTPResponseException) or error.code == 421:
                    raise error
                async with asyncio.timeout(1):
                    await server.say(b"RSET")
            except (SMTPException, OSError, TimeoutError):
                server.client.close()
                return
        self._idle.append(server)


def _unsent(error: Exception, asked: str) -> Outcome:
    """What it means that nothing was taken. What is said of the sender is said of every letter: the server is away
    then, and no reader's letter is given up for it."""
    said, code = f"{asked}: {_what(error)}", _code(error)
    if code is None or code == 421 or asked == "sender":
        return Outcome("later", said, away=True)
    if code < 500:
        return Outcome("later", said, retry_after=GREYLISTED if code in (450, 451) else None)
    return Outcome("refused", said)


def _code(error: Exception) -> int | None:
    return error.code if isinstance(error, SMTPResponseException) else None


def _what(error: BaseException) -> str:
    """What went wrong, without the words of the server: they may hold the address."""
    if isinstance(error, SMTPResponseException):
        status = _STATUS.search(error.message)
        return f"{error.code} {status.group()}" if status else str(error.code)
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate: {cause.verify_message}"
    return type(cause).__name__


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def opened(settings: Settings) -> EmailChannel | None:
    """The channel, where a mail server is set. Raises TokenError for a key that cannot be read."""
    if settings.smtp_host is None or settings.message_key_file is None:
        return None
    return EmailChannel(settings, MessageKey.from_file(settings.message_key_file))
