"""Where the tests get Kafka and PostgreSQL from: an address given, else containers, else local processes."""

import socket
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

from deploy.local.kafka import Kafka
from deploy.local.postgres import SETTINGS, Postgres
from deploy.local.processes import free_port
from deploy.local.state import State

Source = Literal["address", "containers", "embedded"]

KAFKA_ADDRESS = "HADIR_TEST_KAFKA_BOOTSTRAP"
POSTGRES_ADDRESS = "HADIR_TEST_POSTGRES_URL"
KAFKA_IMAGE = "apache/kafka:4.4.0"
POSTGRES_IMAGE = "postgres:18"


def choose(variable: str, environ: Mapping[str, str], engine_answers: Callable[[], bool]) -> Source:
    """Pick the source of one server. The engine is asked only when no address is given."""
    if environ.get(variable):
        return "address"
    return "containers" if engine_answers() else "embedded"


def docker_answers(environ: Mapping[str, str], timeout: float = 2.0) -> bool:
    """Whether a Docker engine answers `GET /_ping`, on DOCKER_HOST or the usual socket."""
    host = urlparse(environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    try:
        if host.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(timeout)
            connection.connect(host.path)
        else:
            connection = socket.create_connection((host.hostname or "127.0.0.1", host.port or 2375), timeout)
        with connection:
            connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))
    except OSError:
        return False


@asynccontextmanager
async def kafka_from(source: Source, environ: Mapping[str, str]) -> AsyncGenerator[str]:
    """Yield the bootstrap address of a broker."""
    if source == "address":
        yield environ[KAFKA_ADDRESS]
    elif source == "containers":
        port = free_port()
        with _container(KAFKA_IMAGE, {9092: port}, _kafka_environment(port), "Kafka Server started"):
            yield f"127.0.0.1:{port}"
    else:
        async with _local(Kafka) as kafka:
            yield kafka.bootstrap


@asynccontextmanager
async def postgres_from(source: Source, environ: Mapping[str, str]) -> AsyncGenerator[str]:
    """Yield the URL of a server's administrator."""
    if source == "address":
        yield environ[POSTGRES_ADDRESS]
    elif source == "containers":
        port = free_port()
        env = {"POSTGRES_USER": "hadir", "POSTGRES_PASSWORD": "hadir", "POSTGRES_DB": "postgres"}
        # The image starts the server twice: once on its socket to initialise, then for good on TCP.
        with _container(POSTGRES_IMAGE, {5432: port}, env, r"listening on IPv4[\s\S]*ready to accept connections"):
            yield f"postgresql://hadir:hadir@127.0.0.1:{port}/postgres"
    else:
        # Hundreds of databases are made and dropped, and no test cuts the power: what waits for the disk proves
        # nothing. Tests that kill a server start one of their own, as it is in use.
        hasty = {**SETTINGS, "fsync": "off", "full_page_writes": "off"}
        async with _local(partial(Postgres, settings=hasty)) as postgres:
            yield postgres.url


@asynccontextmanager
async def _local(kind: Callable[[State], Any]) -> AsyncGenerator[Any]:
    with temporary_state() as state:
        part = kind(state)
        try:
            await part.start()
            yield part
        finally:
            await part.stop()


@contextmanager
def temporary_state() -> Generator[State]:
    """Yield a state directory of its own. Not pytest's tmp_path: PostgreSQL's account may not enter that."""
    with tempfile.TemporaryDirectory(prefix="hadir-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        state = State(Path(folder) / "state")
        state.create()
        yield state


def _container(image: str, ports: Mapping[int, int], env: Mapping[str, str], ready: str) -> Any:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    container = DockerContainer(image).waiting_for(LogMessageWaitStrategy(ready).with_startup_timeout(120))
    for inside, outside in ports.items():
        container.with_bind_ports(inside, outside)
    for key, value in env.items():
        container.with_env(key, value)
    return container


def _kafka_environment(port: int) -> dict[str, str]:
    """The same broker as the embedded one. The image needs every property that matters from here."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
