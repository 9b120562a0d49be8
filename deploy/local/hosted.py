"""The four services as a local system runs them: their environment, databases and key, and their processes."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import services
from deploy.local.postgres import ensure_database
from deploy.local.processes import Child, StartFailed, start_on_a_port
from deploy.local.state import State, write_private
from shared.database import migrate
from shared.events.base import SERVICES, ServiceName
from shared.stopping import GRACE_S

READY_TIMEOUT = 120.0


def ensure_key(state: State) -> Path:
    """Make the keys of this system, once: for its tokens, its receipts, its proofs and its messages.

    Returns the path of the public half of the first.
    """
    private, public = state.private_key, state.public_key
    for own in (state.receipt_key, state.proof_key):
        if not own.exists():
            write_private(own, _new_key())
    if not state.message_key.exists():
        write_private(state.message_key, _pem_of(ec.generate_private_key(ec.SECP256R1())))
    if not private.exists():
        write_private(private, _new_key())
        public.unlink(missing_ok=True)
    if not public.exists():
        key = serialization.load_pem_private_key(private.read_bytes(), None)
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(public, pem.decode())
    return public


def _new_key() -> str:
    """A new private key in PEM."""
    return _pem_of(Ed25519PrivateKey.generate())


def _pem_of(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def service_environment(state: State, kafka: str, postgres: str, http: str) -> dict[str, str]:
    """The environment in which each service finds this system: settings of another one are left out."""
    rest = {k: v for k, v in os.environ.items() if not k.startswith(("HADIR_KAFKA_", "HADIR_SHARED_PORT"))}
    urls = {f"HADIR_{name.upper()}_DATABASE_URL": state.database_url(name, postgres) for name in SERVICES}
    return {
        "HADIR_PUBLIC_URL": http,
        **rest,
        **urls,
        "HADIR_STATE_DIR": str(state.root),
        "HADIR_KAFKA_BOOTSTRAP": kafka,
        "HADIR_TOKEN_PUBLIC_KEY_FILE": str(state.public_key),
        "HADIR_TOKEN_PRIVATE_KEY_FILE": str(state.private_key),
        "HADIR_RECEIPT_KEY_FILE": str(state.receipt_key),
        "HADIR_PROOF_KEY_FILE": str(state.proof_key),
        "HADIR_MESSAGE_KEY_FILE": str(state.message_key),
    }


def migrations_of(service: ServiceName) -> Path:
    """The folder with a service's migrations."""
    return Path(services.__path__[0]) / service / "migrations"


async def prepare_databases(state: State, admin_url: str) -> None:
    """One database and one role for each service, with its tables at their newest version."""
    for name in SERVICES:
        url = await ensure_database(state, admin_url, name)
        await asyncio.to_thread(migrate, url, migrations_of(name))


@dataclass(slots=True)
class ServiceProcess:
    """One service in a process of its own, on a port of its own behind the front."""

    service: ServiceName
    state: State
    environment: Mapping[str, str]
    number: int = 1
    """Which of the service's processes it is, from 1."""

    shared_port: int | None = None
    """The port on which all of them listen, where there are several."""

    port: int = 0
    _child: Child | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return self.service if self.number == 1 else f"{self.service}.{self.number}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Start it and return when it is ready; raises StartFailed."""
        # Nobody outside knows its port, so after a crash any will do.
        await start_on_a_port(0, self.port, self._start, self.stop)

    async def _start(self, port: int) -> None:
        self.port = port
        own = {"HADIR_HOST": "127.0.0.1", "HADIR_PORT": str(port)}
        if self.shared_port is not None:
            own["HADIR_SHARED_PORT"] = str(self.shared_port)
        child = self._child = Child(
            name=self.name,
            argv=[sys.executable, "-m", f"services.{self.service}"],
            log=self.state.logs / f"{self.name}.log",
            pid_file=self.state.pids / f"{self.name}.json",
            cwd=Path.cwd(),
            env={**self.environment, **own},
        )
        child.start()
        await until_ready(f"http://127.0.0.1:{port}", [self.service], child)

    async def wait(self) -> int:
        return await self._child.wait() if self._child else 0

    async def stop(self) -> None:
        if self._child:
            await self._child.stop(patience=GRACE_S + 5)


async def until_ready(base: str, names: list[ServiceName], child: Child | None = None) -> None:
    """Return when every service says it is ready; raises StartFailed with the reasons of those that are not."""
    reasons: dict[str, str] = {}
    deadline = time.monotonic() + READY_TIMEOUT
    async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False) as client:
        for name in names:
            while True:
                if child is not None and not child.alive:
                    raise child.failed(f"{name} ended while starting")
                with suppress(httpx.TransportError):
                    answer = await client.get(f"/{name}/readyz")
                    if answer.status_code == 200:
                        break
                    reasons[name] = answer.text[:500]
                if time.monotonic() > deadline:
                    raise StartFailed(f"{name} is not ready: {reasons.get(name, 'it does not answer')}")
                await asyncio.sleep(0.05)
