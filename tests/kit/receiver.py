"""A receiver of webhooks on this machine, with a certificate of its own, and the library that believes them."""

import datetime as dt
import json
import os
import ssl
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.kit.npm import npm_home

HOME = Path(__file__).with_name("standard_webhooks")
NAME = "penerima.example"
"""What its certificate is for."""


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    headers: dict[str, str]
    body: str


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """`answer` says what it does with a request, once it is noted in `got`."""

    port: int = 0
    got: list[Got] = field(default_factory=list[Got])
    answer: Answer | None = None

    def url(self, name: str = NAME, scheme: str = "https") -> str:
        return f"{scheme}://{name}:{self.port}/hook"

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.got.append(Got(dict(request.headers), await request.text()))
        return web.Response() if self.answer is None else await self.answer(request)


def always(status: int, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status, headers={name.replace("_", "-"): said for name, said in headers.items()}
        )

    return answer


def certified(folder: Path, name: str = NAME) -> tuple[Path, Path]:
    """A certificate for `name` that vouches for itself, and its key."""
    key, issuer = generate_private_key(SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    file, key_file = folder / f"{name}.pem", folder / f"{name}-key.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file, key_file


@asynccontextmanager
async def receiving(certificate: tuple[Path, Path] | None) -> AsyncGenerator[Receiver]:
    """A receiver on a free port of 127.0.0.1."""
    receiver, app = Receiver(), web.Application()
    app.router.add_route("*", "/{any:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    receiver.port = int(runner.addresses[0][1])
    try:
        yield receiver
    finally:
        await runner.cleanup()


def leading_to(*addresses: str) -> Callable[[str, int], Awaitable[Collection[str]]]:
    """Looks every name up to these; with several calls one after the other, to the last for good."""
    left = list(addresses)

    async def lookup(host: str, port: int) -> Collection[str]:
        return left.pop(0).split() if len(left) > 1 else left[0].split()

    return lookup


def believed(secret: str, got: Sequence[Got]) -> list[Any]:
    """What the library for JavaScript makes of requests by a secret: what each says, None where it is not ours."""
    lines = [
        json.dumps({"secret": secret, "headers": {k.lower(): v for k, v in one.headers.items()}, "body": one.body})
        for one in got
    ]
    done = subprocess.run(
        ["node", str(HOME / "verify.js")],
        input="\n".join(lines),
        env={**os.environ, "NODE_PATH": str(npm_home(HOME) / "node_modules")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
