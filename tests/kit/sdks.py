"""The CloudEvents SDKs of four languages, each reading our records as a subscriber in that language does."""

import base64
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http, kafka

from deploy.local import tools
from shared.events import structured
from shared.events.structured import Record
from tests.kit.npm import npm_home

_HERE = Path(__file__).with_name("cloudevents")
ATTRIBUTES = ("id", "type", "source", "specversion", "subject", "dataschema", "datacontenttype", "time")


class Sent(Record, Protocol):
    """A record with the topic that it came from."""

    @property
    def topic(self) -> str: ...


@dataclass(frozen=True)
class Read:
    """What an SDK makes of records, and of them in structured mode: attributes and `data`, or `error`."""

    records: list[dict[str, Any]]
    structured: list[dict[str, Any]]


def _python(records: Sequence[Sent], whole: Sequence[bytes]) -> Read:
    return Read(
        [_told(lambda record=record: kafka.from_kafka_event(_message(record))) for record in records],
        [_told(lambda body=body: http.from_http_event(_request(body))) for body in whole],
    )


def _message(record: Sent) -> kafka.KafkaMessage:
    headers = {name: value or b"" for name, value in record.headers}
    return kafka.KafkaMessage(headers=headers, key=record.key, value=record.value)  # pyright: ignore[reportArgumentType] - a tombstone has none


def _request(body: bytes) -> http.HTTPMessage:
    return http.HTTPMessage(headers={"content-type": structured.MEDIA_TYPE}, body=body)


def _told(read: Callable[[], BaseCloudEvent]) -> dict[str, Any]:
    event = read()
    said: dict[str, Any] = {name: event.get_attributes().get(name) for name in ATTRIBUTES}
    return {**said, "time": said["time"].isoformat(), "data": event.get_data()}


def _program(command: Callable[[], Sequence[str | Path]]) -> Callable[[Sequence[Sent], Sequence[bytes]], Read]:
    """A program that reads what we ask on standard input, and answers on standard output."""

    def read(records: Sequence[Sent], whole: Sequence[bytes]) -> Read:
        asked = {
            "records": [
                {
                    "topic": record.topic,
                    "key": _base64(record.key),
                    "value": _base64(record.value),
                    "headers": [[name, _base64(value)] for name, value in record.headers],
                }
                for record in records
            ],
            "structured": [_base64(body) for body in whole],
        }
        run = subprocess.run(command(), input=json.dumps(asked), capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return Read(**json.loads(run.stdout))

    return read


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def _javascript() -> list[str | Path]:
    program = _HERE / "javascript" / "read.js"
    # As if it stood beside the packages: Node looks for them from the program's folder on.
    return ["node", "-e", f"module.paths.unshift({str(_packages())!r});{program.read_text(encoding='utf-8')}"]


def _packages() -> Path:
    return npm_home(_HERE / "javascript") / "node_modules"


def _java() -> list[str | Path]:
    jars = tools.jars(_HERE / "java" / "pom.xml", "cloudevents-java", "the CloudEvents SDK for Java (17 MB, once)")
    return [tools.java(), "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", _HERE / "java" / "Read.java"]


def _go() -> list[str | Path]:
    source = _HERE / "go"
    said = b"".join((source / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    program = tools.cache_dir() / f"cloudevents-go-{hashlib.sha256(said).hexdigest()[:8]}"
    with tools.alone(program):
        if not program.is_file():
            made = subprocess.run(
                ["go", "build", "-mod=readonly", "-o", program, "."],
                cwd=source,
                env={**os.environ, "GOFLAGS": "", "CGO_ENABLED": "0"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stderr
    return [program]


SDKS: Mapping[str, Callable[[Sequence[Sent], Sequence[bytes]], Read]] = {
    "python": _python,
    "javascript": _program(_javascript),
    "java": _program(_java),
    # Nothing else here needs Go: where there is none, three languages speak.
    **({"go": _program(_go)} if shutil.which("go") else {}),
}


NO_TOMBSTONES = {"javascript": "TypeError: Value is null or undefined"}
"""What an SDK says of a record without a value, where it makes no event of it (docs/events/README.md says so)."""


def expected(record: Sent) -> dict[str, Any]:
    """What an SDK has to make of a record: what its headers say, its key, and its value."""
    said = {name: (raw or b"").decode() for name, raw in record.headers}
    assert record.key is not None
    return {
        **{name: said[f"ce_{name}"] for name in ("id", "type", "source", "specversion", "dataschema")},
        "subject": record.key.decode(),
        "datacontenttype": said["content-type"],
        "time": dt.datetime.fromisoformat(said["ce_time"]),
        "data": None if record.value is None else json.loads(record.value),
    }


def told(said: dict[str, Any]) -> dict[str, Any]:
    """What an SDK said, its time as an instant; what it leaves out or empty is None."""
    assert "error" not in said, said
    whole: dict[str, Any] = {name: said.get(name) or None for name in (*ATTRIBUTES, "data")}
    return {**whole, "time": dt.datetime.fromisoformat(said["time"])}


def check(language: str, sent: Sequence[Sent], read: Read) -> None:
    """An SDK has read each record as it is, in binary mode and in structured mode."""
    for record, binary, whole in zip(sent, read.records, read.structured, strict=True):
        if record.value is None and language in NO_TOMBSTONES:
            assert binary == {"error": NO_TOMBSTONES[language]}
        else:
            assert told(binary) == expected(record)
        # What has no data has no type of it either.
        untyped = {"datacontenttype": None} if record.value is None else {}
        assert told(whole) == expected(record) | untyped
