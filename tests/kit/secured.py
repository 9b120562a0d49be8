"""The broker as docker-compose.yml configures it, run from its own jars, with the secrets of deploy/new_env.sh."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.kafka import access
from deploy.local import tools
from deploy.local.processes import free_port
from deploy.local.topics import create_topics
from shared.bus import client_arguments
from shared.settings import load

ROOT = Path(__file__).parents[2]
CLUSTER = "aGFkaXItdGVzdC1ub2RlMQ"
JVM = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def made_secrets(folder: Path) -> dict[str, str]:
    """What deploy/new_env.sh writes into `.env`, with files where it put them: below `folder`."""
    (folder / "deploy").mkdir(parents=True)
    script = shutil.copy(ROOT / "deploy" / "new_env.sh", folder / "deploy")
    subprocess.run(["sh", script], check=True, capture_output=True)
    lines = [line.split("=", 1) for line in (folder / ".env").read_text().splitlines() if "=" in line]
    return {name: str(folder / value) if name.endswith("_FILE") else value for name, value in lines}


def properties(
    environ: Mapping[str, str], ports: tuple[int, int], folder: Path, changes: Mapping[str, str] | None = None
) -> str:
    """server.properties as the image makes it from the environment: `_` is a dot, `__` a `_`, `___` a dash."""
    file = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    env: dict[str, str] = file["services"]["kafka"]["environment"]
    lines: dict[str, str] = {}
    for name, text in env.items():
        if not name.startswith("KAFKA_") or name == "KAFKA_HEAP_OPTS":
            continue
        key = name.removeprefix("KAFKA_").lower().replace("___", "-").replace("__", "%").replace("_", ".")
        value = re.sub(r"\$\{(\w+)[:?}][^}]*\}?", lambda found: environ.get(found[1], ""), text)
        lines[key.replace("%", "_")] = value
    inner, outer, controller = *(f"127.0.0.1:{port}" for port in ports), f"127.0.0.1:{free_port()}"
    lines |= {
        "log.dirs": str(folder / "data"),
        "listeners": f"CLIENTS://{inner},CONTROLLER://{controller},EXTERNAL://{outer}",
        "advertised.listeners": f"CLIENTS://{inner},EXTERNAL://{outer}",
        "listener.name.external.ssl.keystore.location": environ["HADIR_KAFKA_TLS_FILE"],
        "controller.quorum.voters": f"1@{controller}",
        # Only to be quick: fifty partitions of an internal topic take a while.
        "offsets.topic.num.partitions": "1",
        **(changes or {}),
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


@asynccontextmanager
async def broker(
    environ: Mapping[str, str], folder: Path, changes: Mapping[str, str] | None = None
) -> AsyncGenerator[tuple[str, str]]:
    """Yields where the services find it, and where other systems do."""
    java, jars = tools.java(), tools.kafka_jars()
    ports = free_port(), free_port()
    file = folder / "server.properties"
    file.write_text(properties(environ, ports, folder, changes))
    clean = {key: value for key, value in os.environ.items() if key not in {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"}}
    start = [java, *JVM, f"-Dkafka.logs.dir={folder}", "-cp", f"{jars}/*"]
    format_ = [*start, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(file)]
    await asyncio.to_thread(subprocess.run, format_, check=True, env=clean, capture_output=True)
    with (folder / "out.log").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *start, "kafka.Kafka", str(file), env=clean, stdout=out, stderr=out
        )
    try:
        yield f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}"
    finally:
        process.terminate()
        await process.wait()


async def until_up(bootstrap: str, folder: Path, **client: Any) -> None:
    for _ in range(600):
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **client)
        try:
            await producer.start()
        except KafkaError:
            await asyncio.sleep(0.25)
        else:
            return
        finally:
            await producer.stop()
    raise AssertionError((folder / "out.log").read_text()[-3000:])


class Secured:
    """A broker with users and access lists, as compose makes it; `outside` is its listener for other systems."""

    def __init__(self, bootstrap: str, outside: str, environ: Mapping[str, str], folder: Path) -> None:
        self.bootstrap = bootstrap
        self.outside = outside
        self.environ = environ
        self.folder = folder
        self.data = folder / "data"
        self.ca_file = folder / ".keys" / "kafka-ca.pem"

    def client(self, user: str, password: str | None = None, *, outside: bool = False) -> dict[str, Any]:
        """The arguments that a service, or another system, makes of its settings."""
        name = {"admin": "HADIR_KAFKA_ADMIN_PASSWORD"}.get(user, f"HADIR_{user.upper()}_KAFKA_PASSWORD")
        settings = load(
            "reporting",
            {
                "HADIR_REPORTING_DATABASE_URL": "postgresql://unused",
                "HADIR_TOKEN_PUBLIC_KEY_FILE": "unused",
                "HADIR_KAFKA_BOOTSTRAP": self.outside if outside else self.bootstrap,
                "HADIR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL" if outside else "SASL_PLAINTEXT",
                "HADIR_KAFKA_USERNAME": user,
                "HADIR_KAFKA_PASSWORD": password or self.environ[name],
                **({"HADIR_KAFKA_CA_FILE": str(self.ca_file)} if outside else {}),
            },
        )
        return client_arguments(settings)

    async def typed(self, command: str, folder: Path) -> str:
        """What an operator's command says, typed in `folder` as the administrator, over TLS."""
        environ = {
            **os.environ,
            "HADIR_KAFKA_BOOTSTRAP": self.outside,
            "HADIR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "HADIR_KAFKA_CA_FILE": str(self.ca_file),
            "HADIR_KAFKA_ADMIN_PASSWORD": self.environ["HADIR_KAFKA_ADMIN_PASSWORD"],
        }
        if not (folder / ".venv").exists():
            (folder / ".venv").symlink_to(sys.prefix)
        process = await asyncio.create_subprocess_exec(
            "bash", "-ec", command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def write(self, user: str, topic: str, key: bytes = b"k") -> None:
        producer = AIOKafkaProducer(**self.client(user), acks="all", request_timeout_ms=5000)
        await producer.start()
        try:
            await producer.send_and_wait(topic, b"{}", key=key)
        finally:
            await producer.stop()

    async def read(self, user: str, topic: str, group: str, *, outside: bool = False) -> bytes:
        """The first record of the topic, position committed."""
        consumer = AIOKafkaConsumer(
            **self.client(user, outside=outside),
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            consumer.subscribe([topic])
            async with asyncio.timeout(20):
                record = await consumer.getone()
            await consumer.commit({TopicPartition(topic, record.partition): record.offset + 1})
            return record.value or b""
        finally:
            await consumer.stop()


@asynccontextmanager
async def secured_system(folder: Path, changes: Mapping[str, str] | None = None) -> AsyncGenerator[Secured]:
    """The broker with the users that the job `access` makes, and the topics that the job `topics` makes."""
    environ = made_secrets(folder)
    async with broker(environ, folder, changes) as (bootstrap, outside):
        plain = {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": "admin",
            "sasl_plain_password": environ["HADIR_KAFKA_ADMIN_PASSWORD"],
        }
        await until_up(bootstrap, folder, **plain)
        environ["HADIR_KAFKA_BOOTSTRAP"] = bootstrap
        await asyncio.to_thread(access.main, environ)
        system = Secured(bootstrap, outside, environ, folder)
        arguments = system.client("admin")
        await create_topics(str(arguments.pop("bootstrap_servers")), **arguments)
        yield system
