"""A mail server as a city has one (aiosmtpd): it takes letters, and does what mail servers do when they do not."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True)
class Taken:
    """A letter that was taken, as it came."""

    sender: str
    to: list[str]
    content: bytes


@dataclass
class MailRoom:
    """What the server does. `answers` are given to the next commands of a name in place of its own; "hang" stands
    for no answer at all, "bye" for hanging up. DATA is answered after the letter, PREDATA before."""

    answers: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    letters: list[Taken] = field(default_factory=list)
    connections: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a command is being left without an answer."""
    port: int = 0

    def say(self, command: str, *answers: str) -> None:
        self.answers[command].extend(answers)

    async def answer(self, server: SMTP, command: str) -> str | None:
        if not self.answers[command]:
            return None
        said = self.answers[command].popleft()
        if said == "hang":
            self.hanging.set()
            await asyncio.Event().wait()
        if said == "bye":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return said

    async def handle_MAIL(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await self.answer(server, "MAIL")
        if said is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said or "250 OK"

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        said = await self.answer(server, "RCPT")
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        said = await self.answer(server, "DATA")
        if said is None or said.startswith("250"):
            assert isinstance(envelope.content, bytes)
            assert envelope.mail_from is not None
            self.letters.append(Taken(envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return said or "250 2.0.0 taken"


class _Server(SMTP):
    room: MailRoom

    async def smtp_DATA(self, arg: str) -> None:
        said = await self.room.answer(self, "PREDATA")
        if said is None:
            await super().smtp_DATA(arg)
        else:
            await self.push(said)


@asynccontextmanager
async def mail_server(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, password: bytes | None = None
) -> AsyncGenerator[MailRoom]:
    """A server on a free port of 127.0.0.1; with `tls` it insists on STARTTLS, `implicit` encrypts at once."""
    room, loop = MailRoom(), asyncio.get_running_loop()
    open_now: list[asyncio.BaseTransport] = []

    def login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password == password, handled=data.password == password)

    class Counted(_Server):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            open_now.append(transport)
            super().connection_made(transport)

    def made() -> SMTP:
        room.connections += 1
        server = Counted(
            room,
            hostname="mail.test",
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=login if password is not None else None,
            auth_required=password is not None,
            auth_require_tls=False,
            loop=loop,
        )
        server.room = room
        return server

    listening = await loop.create_server(made, "127.0.0.1", 0, ssl=tls if implicit else None)
    room.port = listening.sockets[0].getsockname()[1]
    try:
        yield room
    finally:
        listening.close()
        for transport in open_now:
            if isinstance(transport, asyncio.Transport):
                transport.abort()


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS under a certificate for `host`, and the file by which it is believed."""
    key = generate_private_key(SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    try:
        name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    believed, both = folder / f"{host}.pem", folder / f"{host}.key.pem"
    believed.write_bytes(made.public_bytes(Encoding.PEM))
    both.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, believed
