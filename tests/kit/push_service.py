"""A push service on this machine, as a browser's maker runs one, and a browser that it pushes to.

It answers by https under a name of its own, believes only who signs for it (RFC 8292), and hands what it takes to
the browser, which decrypts it by another implementation than ours (http_ece).
"""

import asyncio
import datetime as dt
import json
import os
import ssl
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import http_ece
import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.notifications.domain.push import Device
from shared import base64url

LIVES_AT_MOST_S = 24 * 3600


def message_key_file(folder: Path) -> Path:
    """A file with a new key of messages."""
    path = folder / f"messages-{uuid4().hex}.pem"
    path.write_bytes(_pem(generate_private_key(SECP256R1())))
    return path


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass
class Browser:
    """What a browser keeps of a subscription."""

    endpoint: str
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def p256dh(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self) -> dict[str, Any]:
        """As it hands it to a page."""
        keys = {"p256dh": base64url.written(self.p256dh), "auth": base64url.written(self.auth)}
        return {"endpoint": self.endpoint, "keys": keys, "label": "uji"}

    def device(self, who: UUID, vapid_key: str) -> Device:
        """As the service keeps it."""
        since = dt.datetime.now(dt.UTC)
        return Device(uuid4(), who, self.endpoint, self.p256dh, self.auth, vapid_key, "uji", since)

    def read(self, body: bytes) -> dict[str, Any]:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth))


@dataclass
class Taken:
    """A push as the service got it."""

    path: str
    headers: dict[str, str]
    body: bytes
    claims: dict[str, Any]


@dataclass
class PushService:
    """`answers`: by a browser's path, what it is answered, one after the other; 201 when there is none left."""

    name: str
    port: int = 0
    taken: list[Taken] = field(default_factory=list[Taken])
    answers: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    said: dict[str, str] = field(default_factory=dict[str, str])
    refused: list[str] = field(default_factory=list[str])
    sub_wanted: bool = False
    """Whether it takes no push without a contact, as Apple's."""

    def browser(self) -> Browser:
        return Browser(f"https://{self.name}:{self.port}/{uuid4().hex}")

    def to(self, browser: Browser) -> list[Taken]:
        """What came for a browser, in order."""
        return [one for one in self.taken if browser.endpoint.endswith(one.path)]

    def answer(self, browser: Browser, *answers: int, **headers: str) -> None:
        """What the browser's next pushes are answered; 0: the connection is cut, -1: nothing for a long time."""
        self.answers["/" + browser.endpoint.rpartition("/")[2]] = [*answers]
        self.said = headers

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if (wrong := self._wrong(request, body)) is not None:
            self.refused.append(wrong)
            return web.Response(status=401 if "token" in wrong else 400, text=wrong)
        answers = self.answers.get(request.path, [])
        status = answers.pop(0) if answers else 201
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        elif status < 0:
            await asyncio.sleep(60)
        elif status < 300:
            claims = self._claims(request.headers["Authorization"])
            self.taken.append(Taken(request.path, dict(request.headers), body, claims))
        return web.Response(status=max(status, 200), headers=self.said)

    def _claims(self, authorization: str) -> dict[str, Any]:
        """Raises jwt.PyJWTError, KeyError or ValueError for who does not sign for this service."""
        scheme, _, rest = authorization.partition(" ")
        said = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid":
            raise ValueError(scheme)
        point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), base64url.read(said["k"]))
        claims = jwt.decode(
            said["t"],
            point,
            algorithms=["ES256"],
            audience=f"https://{self.name}:{self.port}",
            options={"require": ["aud", "exp", *(["sub"] if self.sub_wanted else [])]},
        )
        if claims["exp"] > time.time() + LIVES_AT_MOST_S:
            raise ValueError("lives too long")
        return claims

    def _wrong(self, request: web.Request, body: bytes) -> str | None:
        try:
            self._claims(request.headers.get("Authorization", ""))
        except (jwt.PyJWTError, KeyError, ValueError) as error:
            return f"token: {error!r}"
        if request.headers.get("Content-Encoding") != "aes128gcm":
            return "encoding"
        if not request.headers.get("TTL", "").isdigit():
            return "TTL"
        if request.headers.get("Urgency", "normal") not in ("very-low", "low", "normal", "high"):
            return "Urgency"
        topic = request.headers.get("Topic", "")
        if len(topic) > 32 or not topic.replace("-", "").replace("_", "").isalnum():
            return "Topic"
        return None if len(body) <= 4096 else "too long"


def certificate(folder: Path, *names: str) -> Path:
    """A certificate for these names, signed by nobody but itself, with its key."""
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, SHA256())
    )
    path = folder / f"push-{uuid4().hex}.pem"
    path.write_bytes(_pem(key) + made.public_bytes(Encoding.PEM))
    return path


@asynccontextmanager
async def push_services(folder: Path, *names: str) -> AsyncGenerator[tuple[list[PushService], Path]]:
    """Push services under these names, at one port each, and the certificate that all of them have."""
    path = certificate(folder, *names)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    services: list[PushService] = []
    runners: list[web.AppRunner] = []
    try:
        for name in names:
            service = PushService(name)
            app = web.Application()
            app.router.add_post("/{browser}", service.handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            runners.append(runner)
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            service.port = runner.addresses[0][1]
            services.append(service)
        yield services, path
    finally:
        for runner in runners:
            await runner.cleanup()


async def this_machine(_host: str, _port: int) -> Collection[str]:
    """Every name leads here."""
    return ["127.0.0.1"]
