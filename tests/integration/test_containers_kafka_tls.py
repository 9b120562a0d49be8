"""Kafka across machines: TLS with the city's own authority, for every kind of client that Hadir has."""

import asyncio
import datetime as dt
import ipaddress
import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from deploy.kafka import access
from deploy.local.topics import create_topics
from services.attendance.app import create_app
from services.reporting.facts import PROJECTION
from shared import outbox
from shared.bus import client_arguments
from shared.events.base import SERVICES
from shared.log import readable, reading
from shared.outbox import Outgoing
from shared.settings import Settings, SettingsError, load
from tests.conftest import DatabaseFor
from tests.kit.attendance import employee, plan, unit
from tests.kit.kafka import eventually, message
from tests.kit.secured import broker, until_up
from tests.kit.services import Signer, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="session")


def authority(folder: Path) -> tuple[Path, Path]:
    """(the authority's certificate, a key store with a server's key and certificate), as PEM files."""
    now, names = dt.datetime.now(dt.UTC), [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kota Bekasi")])]
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names.append(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")]))

    def certificate(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(names[0])
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=2))
        )

    own = certificate(names[0], ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), True
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = certificate(names[1], key.public_key()).add_extension(address, False)
    ca_file, store = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(own.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    store.write_bytes(private + server.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return ca_file, store


@dataclass
class Tls:
    bootstrap: str
    environ: dict[str, str]
    ca_file: Path

    def settings(self, user: str, **changes: Any) -> Settings:
        name = {"admin": "HADIR_KAFKA_ADMIN_PASSWORD"}.get(user, f"HADIR_{user.upper()}_KAFKA_PASSWORD")
        service = user if user in SERVICES else "reporting"
        environ = {
            f"HADIR_{service.upper()}_DATABASE_URL": "postgresql://unused",
            "HADIR_TOKEN_PUBLIC_KEY_FILE": "unused",
            "HADIR_KAFKA_BOOTSTRAP": self.bootstrap,
            "HADIR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "HADIR_KAFKA_USERNAME": user,
            "HADIR_KAFKA_PASSWORD": self.environ[name],
            "HADIR_KAFKA_CA_FILE": str(self.ca_file),
            **changes,
        }
        return load(service, environ)  # pyright: ignore[reportArgumentType] - one of SERVICES

    def client(self, user: str, **changes: Any) -> dict[str, Any]:
        return client_arguments(self.settings(user, **changes))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tls]:
    folder = tmp_path_factory.mktemp("kafka-tls")
    ca_file, store = authority(folder)
    environ = {f"HADIR_{service.upper()}_KAFKA_PASSWORD": secrets.token_hex(24) for service in SERVICES}
    environ["HADIR_KAFKA_ADMIN_PASSWORD"] = secrets.token_hex(24)
    environ["HADIR_KAFKA_TLS_FILE"] = str(store)
    changes = {
        "listener.security.protocol.map": "CONTROLLER:SASL_PLAINTEXT,CLIENTS:SASL_SSL,EXTERNAL:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca_file),
    }
    async with broker(environ, folder, changes) as (bootstrap, _):
        system = Tls(bootstrap, environ, ca_file)
        admin = system.client("admin") | {"sasl_mechanism": "PLAIN"}
        await until_up(str(admin.pop("bootstrap_servers")), folder, **admin)
        environ |= {
            "HADIR_KAFKA_BOOTSTRAP": bootstrap,
            "HADIR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "HADIR_KAFKA_CA_FILE": str(ca_file),
        }
        await asyncio.to_thread(access.main, environ)
        arguments = system.client("admin")
        await create_topics(str(arguments.pop("bootstrap_servers")), **arguments)
        yield system


async def test_a_service_reads_publishes_sets_aside_and_rebuilds_over_tls(
    tls: Tls, database_for: DatabaseFor, tmp_path: Path
) -> None:
    me, db = uuid4(), await database_for("attendance")
    producer = AIOKafkaProducer(**tls.client("scheduling"), acks="all")
    await producer.start()
    try:
        for one in (message(unit()), message(employee(me)), message(plan(me))):
            await producer.send_and_wait(one.topic, one.value, key=one.key, headers=one.headers)
        await producer.send_and_wait("schedule.changed.v1", b"{", key=b"k", headers=message(plan(me)).headers)
    finally:
        await producer.stop()
    given = tls.settings("attendance")
    settings = settings_for(
        "attendance",
        Signer(),
        tmp_path,
        database_url=db.url,
        **{name: getattr(given, name) for name in type(given).model_fields if name.startswith("kafka_")}
        | {"kafka_bootstrap": tls.bootstrap},
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        service = app.state.service

        async def known() -> bool:
            async with db.read() as tx:
                return await tx.connection.fetchval("select count(*) from plan_fact") == 1

        async def published() -> bool:
            return (await service.relay.backlog())[0] == 0

        await eventually(known)
        async with db.transaction() as tx:
            promised = Outgoing(plan(me), uuid4(), dt.datetime.now(dt.UTC), topic="attendance.recorded.v1")
            # Any record will do: its topic is one that this service may write.
            await outbox.add(tx, [promised], source="/hadir/attendance")
            await tx.connection.execute("update outbox set topic = 'attendance.recorded.v1'")
        await eventually(published)
        assert await service.not_ready() == []
    reader = AIOKafkaConsumer("schedule.changed.v1.dead", **tls.client("admin"), auto_offset_reset="earliest")
    await reader.start()
    try:
        letter = await asyncio.wait_for(reader.getone(), 30)
    finally:
        await reader.stop()
    assert letter.value == b"{"
    settings = tls.settings("reporting")
    async with reading(client_arguments(settings), PROJECTION.topics) as log:
        read = [one async for records in log.upto(await log.ends()) for one in readable(records, settings)]
    assert {one.type for one in read} == {
        "directory.unit.v1",
        "directory.employee.v1",
        "schedule.changed.v1",
    }


async def test_a_broker_of_another_authority_is_not_trusted_and_the_log_says_why(
    tls: Tls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stranger, _ = authority(tmp_path)
    producer = AIOKafkaProducer(**tls.client("scheduling", HADIR_KAFKA_CA_FILE=str(stranger)))
    with caplog.at_level(logging.WARNING, "aiokafka"), pytest.raises(Exception, match="bootstrap"):
        await producer.start()
    await producer.stop()
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


async def test_an_authority_file_that_is_not_there_is_told_at_the_start(tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(SettingsError, match="HADIR_KAFKA_CA_FILE"):
            tls.settings("scheduling", HADIR_KAFKA_CA_FILE=str(tmp_path / name))
