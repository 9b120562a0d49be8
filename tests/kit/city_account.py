"""The city's account in tests: a real provider of OpenID Connect, and a browser's way through its pages."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.kit.npm import npm_home

HOME = Path(__file__).with_name("openid_provider")
CLIENT_ID, SECRET = "hadir", "rahasia: kota+1%"


def rsa_key(kid: str) -> dict[str, Any]:
    """A private JWK."""
    key = rsa.generate_private_key(65537, 2048)
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}


def ec_key(kid: str) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    return {**ECAlgorithm.to_jwk(key, as_dict=True), "kid": kid, "use": "sig", "alg": "ES256"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class CityAccount:
    """One provider. `given` is what provider.js is told; a change of it holds from the next `start` on."""

    issuer: str
    given: dict[str, Any]
    process: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def start(self, **changes: Any) -> None:
        await self.stop()
        self.given |= changes
        home = npm_home(HOME)
        script = home / f"provider-{os.getpid()}.mjs"
        script.write_bytes((HOME / "provider.js").read_bytes())
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            "node", script.name, cwd=home, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(self.given).encode() + b"\n")
        await self.process.stdin.drain()
        async with asyncio.timeout(60):
            while (line := await self.process.stdout.readline()).strip() != b"ready":
                assert line, "the provider ended while starting"
        script.unlink()

    @asynccontextmanager
    async def as_if(self, **changes: Any) -> AsyncGenerator[None]:
        """For a while it is told something else."""
        before = {name: self.given.get(name) for name in changes}
        await self.start(**changes)
        try:
            yield
        finally:
            await self.start(**before)

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self.process = None


@asynccontextmanager
async def city_account(hadir: str, *, host: str = "127.0.0.1", **given: Any) -> AsyncGenerator[CityAccount]:
    """A provider that knows the installation at the address `hadir` as a client. Accounts are set by tests."""
    port = free_port()
    issuer = f"http://{host}:{port}"
    client = {
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "redirect_uris": [f"{hadir}/reporting/login/oidc/callback"],
        "post_logout_redirect_uris": [f"{hadir}/reporting/login"],
    }
    known = {"issuer": issuer, "host": host, "port": port, "clients": [client], "keys": [rsa_key("first")]}
    account = CityAccount(issuer, {**known, "accounts": {}, **given})
    await account.start()
    try:
        yield account
    finally:
        await account.stop()


def browser_of(app: Any, hadir: str) -> httpx.AsyncClient:
    """A browser for which the installation `hadir` is this application; the provider is reached over the net."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        base_url=hadir, mounts={f"all://{httpx.URL(hadir).host}": transport}, trust_env=False, timeout=30
    )


async def signed_in_there(
    browser: httpx.AsyncClient, answer: httpx.Response, login: str, *, until: str
) -> httpx.Response:
    """Follow redirects and the provider's pages as somebody who signs in as `login`, until an address that begins
    with `until` answers.
    """
    for _ in range(20):
        if answer.is_redirect:
            answer = await browser.get(answer.url.join(answer.headers["location"]))
        elif str(answer.url).startswith(until):
            return answer
        else:
            assert answer.status_code == 200, answer.text
            action, fields = _form(answer.text)
            asked = {"login": login, "password": "x"} if fields.get("prompt") == "login" else {}
            answer = await browser.post(answer.url.join(action), data={**fields, **asked})
    raise AssertionError(f"the provider leads to {answer.url} and no end")


def _form(page: str) -> tuple[str, Mapping[str, str]]:
    action = re.search(r'<form[^>]*action="([^"]+)"', page)
    assert action, page
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return unescape(action[1]), {name: unescape(value) for name, value in hidden}
