"""Services as they run: their key and tokens, their settings, and clients in the test's own process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from fastapi import FastAPI

from shared.access import ROLES, Role
from shared.auth import sign
from shared.events.base import ServiceName
from shared.settings import Settings
from tests.kit.documented import as_documented

OFFICERS = {role: uuid4() for role in ROLES}
"""One officer of each role: every change is in a person's name."""
NOBODY = "127.0.0.1:9"
"""An address at which no broker answers: what a service promises then stays in its outbox."""


@dataclass(frozen=True)
class Signer:
    """The private key that services of one test trust."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def public_file(self, folder: Path) -> Path:
        path = folder / f"token-{uuid4().hex}.pem"
        path.write_bytes(self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return path

    def private_file(self, folder: Path) -> Path:
        path = folder / f"session-{uuid4().hex}.pem"
        path.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return path

    def token(self, role: Role, subject: UUID | None = None, opd: str | None = None) -> str:
        return sign(self.key, role=role, subject=subject, opd=opd)

    def headers(self, role: Role, subject: UUID | None = None, opd: str | None = None) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(role, subject, opd)}"}


def settings_for(
    service: ServiceName, signer: Signer, folder: Path, *, database_url: str, kafka: str = NOBODY, **changes: Any
) -> Settings:
    return Settings.model_validate(
        {
            "service": service,
            "database_url": database_url,
            "kafka_bootstrap": kafka,
            "token_public_key_file": signer.public_file(folder),
            "state_dir": folder,
            **changes,
        }
    )


@asynccontextmanager
async def in_process(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """A started service, and a client that needs no port."""
    with as_documented(app) as watched:
        transport = httpx.ASGITransport(watched, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://hadir", timeout=120) as client,
        ):
            yield client
