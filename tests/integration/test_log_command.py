"""`hadir log`: whoever has the keys finds what was done to the log, and the record that it was done to."""

import asyncio
import datetime as dt
import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from deploy import log_export, logbook
from deploy.cli import app
from deploy.logbook import FromKafka
from services.reporting.commands import transparency
from services.reporting.domain import transparency as domain
from services.reporting.domain.merkle import leaf_hash
from services.reporting.domain.transparency import LogName
from shared.database import Database
from shared.events import TOPICS, LogCheckpoint, Message, Topic
from shared.proof_keys import ProofKeys
from tests.conftest import DatabaseFor
from tests.integration.test_bus_lag import Foreign
from tests.kit.copying import everything, made, made_again
from tests.kit.kafka import message, plan_event, probe_topic, produce

KEY = Ed25519PrivateKey.generate()
KEYS = ProofKeys(KEY)
EIGHT = dt.datetime(2025, 11, 6, 1, 10, tzinfo=dt.UTC)
HOURS = (30, 40, 50)
"""Records that came in each hour, and are bound by its checkpoint."""
UNBOUND = 5


@dataclass
class Rig:
    """A log of 120 records, markers of transactions among them, with three checkpoints and five records after."""

    kafka: str
    topic: Topic
    db: Database
    folder: Path
    keys: Path

    @property
    def log(self) -> LogName:
        return LogName(self.topic.name, 0)

    def run(self, *arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["log", *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    async def verified(self, *arguments: object) -> tuple[int, str]:
        return await asyncio.to_thread(self.run, "verify", "--keys", self.keys, *arguments)


@pytest_asyncio.fixture
async def rig(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Rig]:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    checkpoints = Topic(
        type("Probe", (LogCheckpoint,), {"topic": f"probe.{uuid4().hex}.v1", "__module__": __name__})
    )
    monkeypatch.setitem(TOPICS, checkpoints.name, checkpoints)
    monkeypatch.setattr(domain, "under_trees", lambda: (topic,))
    monkeypatch.setattr(logbook, "under_trees", lambda: (topic,))
    monkeypatch.setattr(logbook, "CHECKPOINTS", checkpoints.name)
    monkeypatch.setenv("HADIR_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("HADIR_STATE_DIR", str(tmp_path / "none"))
    db = await database_for("reporting")
    foreign = await asyncio.to_thread(Foreign, kafka)
    for hour, count in enumerate((*HOURS, UNBOUND)):
        some = [message(plan_event(topic)) for _ in range(count // 2)]
        await produce(kafka, some)
        for commit in (False, True):
            rest = [message(plan_event(topic)) for _ in range(count - len(some))]
            await asyncio.to_thread(foreign.begin, rest)
            await asyncio.to_thread(foreign.end, commit=commit)
        if hour < len(HOURS):
            now = EIGHT + hour * dt.timedelta(hours=1)
            await transparency.grow(db, {"bootstrap_servers": kafka}, [topic.name], now, rest=0)
            await transparency.sign(db, KEYS, "hadir.local", now)
    async with db.read() as tx:
        rows = await tx.connection.fetch("select key, value, headers from outbox order by id")
    signed = [
        Message(
            checkpoints.name, row["key"], row["value"], [(k, str(v).encode()) for k, v in row["headers"].items()]
        )
        for row in rows
    ]
    await made(kafka, checkpoints.name)
    await produce(kafka, signed)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": KEYS.jwks(), "verifier_keys": []}))
    yield Rig(kafka, topic, db, tmp_path, keys)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def spoil(lines: list[dict[str, Any]], index: int, change: Callable[[dict[str, Any]], None]) -> None:
    (line,) = [one for one in lines if one["kind"] == "record" and one["index"] == index]
    change(line)


def value_altered(line: dict[str, Any]) -> None:
    line["value"] = line["value"].replace('"OFF"', '"OFG"', 1)


def key_altered(line: dict[str, Any]) -> None:
    line["key"] = line["key"][:-1] + ("0" if line["key"][-1] != "0" else "1")


def header_altered(line: dict[str, Any]) -> None:
    line["headers"] = [[name, f"{value}0" if name == "ce_time" else value] for name, value in line["headers"]]


def header_taken_away(line: dict[str, Any]) -> None:
    line["headers"] = line["headers"][:-1]


ALTERED = (value_altered, key_altered, header_altered, header_taken_away)


@pytest.mark.fault(40)
async def test_an_export_proves_itself_and_every_change_of_one_is_named(rig: Rig) -> None:
    whole = rig.folder / "whole.jsonl"
    code, said = await asyncio.to_thread(rig.run, "export", whole)
    assert (code, said.endswith(f"125 records in {whole}\n")) == (0, True)
    code, said = await rig.verified("--export", whole)
    assert code == 0, said
    assert "125 records of 1 partitions" in said
    assert "3 checkpoints; 5 records came after the last one" in said
    assert "proven: every checkpoint holds" in said
    records = {line["index"]: line for line in lines_of(whole) if line["kind"] == "record"}
    spoilt = rig.folder / "spoilt.jsonl"

    async def found(lines: list[dict[str, Any]], *more: object) -> str:
        spoilt.write_text("".join(json.dumps(line) + "\n" for line in lines))
        code, said = await rig.verified("--export", spoilt, *more)
        assert code == 1, said
        return said

    def named(index: int) -> str:
        ce_id = dict(records[index]["headers"])["ce_id"]
        return f"record {index} (offset {records[index]['offset']}, ce_id {ce_id})"

    for index, change in zip((0, 29, 30, 77), ALTERED, strict=True):
        lines = lines_of(whole)
        spoil(lines, index, change)
        assert f"{rig.log}: {named(index)} was altered" in await found(lines)
        # With its hash altered to fit, the export alone tells the hour; one of before tells the record.
        for line in lines:
            if line["kind"] == "record" and line["index"] == index:
                text = domain.Written(line["encoding"], line["key"], line["value"], line["headers"])
                line["leaf"] = domain_leaf(text)
        since, until = next((a, b) for a, b in ((0, 30), (30, 70), (70, 120)) if a <= index < b)
        said = await found(lines)
        assert f"the checkpoint of {until} records does not hold" in said
        assert f"one of the records {since} (offset {records[since]['offset']}," in said
        assert f"to {until - 1} (offset {records[until - 1]['offset']}," in said
        assert f"{named(index)} was altered" in await found(lines, "--leaves", whole)

    lines = [line for line in lines_of(whole) if line.get("index") != 40]
    assert f"record 40 is missing or stands elsewhere: in its place stands {named(41)}" in await found(lines)
    for line in lines:
        line["index"] = line.get("index", 0) - (line.get("index", 0) > 40)
    assert f"record 40 is missing; {named(41)} stands in its place".replace(
        "record 41", "record 41"
    ) in await found(lines, "--leaves", whole)

    lines = lines_of(whole)
    first = next(at for at, line in enumerate(lines) if line.get("index") == 50)
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    assert f"in its place stands {named(51)}" in await found(lines)
    assert f"{named(51)} stands before {named(50)}" in await found(lines, "--leaves", whole)

    lines = lines_of(whole)
    lines.insert(first, {**lines[first + 20]})
    assert "before record 50 stands one that was not there" in await found(lines, "--leaves", whole)

    lines = [line for line in lines_of(whole) if line.get("index", 0) < 100]
    assert "the checkpoint of 120 records does not hold: there are 100" in await found(lines)
    assert "record 100 is missing: the log ends before it" in await found(lines, "--leaves", whole)

    text = whole.read_text().splitlines(keepends=True)
    text[60] = text[60][:-20] + "\n"
    spoilt.write_text("".join(text))
    code, said = await rig.verified("--export", spoilt)
    assert code == 1
    assert "spoilt.jsonl: line 61 cannot be read" in said


def domain_leaf(text: domain.Written) -> str:
    return leaf_hash(domain.entry_of(*domain.read_again(text))).hex()


async def test_a_checkpoint_that_is_none_of_ours_or_of_another_log_is_named(rig: Rig) -> None:
    whole = rig.folder / "whole.jsonl.gz"
    assert (await asyncio.to_thread(rig.run, "export", whole))[0] == 0
    assert (await rig.verified("--export", whole))[0] == 0
    lines = [json.loads(line) for line in gzip.decompress(whole.read_bytes()).splitlines()]
    checkpoints = [line for line in lines if line["kind"] == "checkpoint"]
    own = checkpoints[1]["checkpoint"]
    other = ProofKeys(Ed25519PrivateKey.generate())
    origin, size, root = own.split("\n")[:3]
    another = root.translate({ord(root[0]): "B" if root[0] == "A" else "A"})
    fork = KEYS.note(origin, f"{origin}\n{size}\n{another}\n")
    for note, why in (
        (own.replace(f"\n{size}\n", f"\n{int(size) + 1}\n", 1), "altered since it was signed"),
        (other.note(origin, f"{origin}\n{size}\n{root}\n"), "none of the keys given has signed it"),
        (KEYS.note(f"{origin}9", f"{origin}9\n{size}\n{root}\n"), f"is of another log (kept.json): {origin}9"),
        (KEYS.note(origin, f"{origin}\nmany\n{root}\n"), "it is no checkpoint"),
        (fork, "two checkpoints of 70 records have different roots"),
    ):
        kept = rig.folder / "kept.json"
        kept.write_text(json.dumps({"items": [{"log": str(rig.log), "checkpoint": note}]}))
        code, said = await rig.verified("--export", whole, "--checkpoints", kept)
        assert code == 1
        assert why in said
    kept = rig.folder / "one.txt"
    kept.write_text(own)
    assert (await rig.verified("--export", whole, "--checkpoints", kept))[0] == 0
    for wrong, option in (("{}", "--checkpoints"), ("nothing", "--checkpoints"), ("{}", "--export")):
        file = rig.folder / "wrong.json"
        file.write_text(wrong)
        result = CliRunner().invoke(
            app, ["log", "verify", "--keys", str(rig.keys), "--export", str(whole), option, str(file)]
        )
        assert result.exit_code != 0


@pytest.mark.fault(40)
async def test_what_was_done_to_kafka_is_named_with_reportings_hashes_and_bounded_without(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = await rig.verified("--from-kafka")
    assert code == 0, said
    records = await everything(rig.kafka, rig.topic.name)
    altered = [record.value for record in records]
    altered[61] = (altered[61] or b"").replace(b'"OFF"', b'"WFH"')
    copies = [
        Message(rig.topic.name, record.key or b"", value, [(n, v or b"") for n, v in record.headers])
        for record, value in zip(records, altered, strict=True)
    ]
    await made_again(rig.kafka, rig.topic.name, copies)
    code, said = await rig.verified()
    assert code == 1
    assert "one of the records 30 (offset 30, ce_id" in said
    monkeypatch.setenv("HADIR_REPORTING_DATABASE_URL", rig.db.url)
    code, said = await rig.verified()
    assert code == 1
    assert f"record 61 (offset 61, ce_id {domain.ce_id_of(records[61].headers)}) was altered" in said
    # Written again from what was read before, at other offsets and without markers, it is the same log.
    await made_again(rig.kafka, rig.topic.name, records)
    code, said = await rig.verified()
    assert code == 0, said


async def test_an_export_of_what_came_since_counts_nothing_else(rig: Rig) -> None:
    source = FromKafka({"bootstrap_servers": rig.kafka}, [rig.topic.name])
    shown = list[tuple[int, int]]()

    def show(done: int, total: int) -> None:
        shown.append((done, total))

    _, marks = await log_export.export(source, rig.folder / "1.jsonl", show)
    await produce(rig.kafka, [message(plan_event(rig.topic)) for _ in range(2)])
    await log_export.export(source, rig.folder / "2.jsonl", show, after=marks)
    assert shown[-1] == (2, 3), "and the marker of a transaction before them"


async def test_beside_the_service_its_own_key_is_what_it_is_verified_by(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rig.folder / "proof-key.pem"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("HADIR_PROOF_KEY_FILE", str(key))
    code, said = await asyncio.to_thread(rig.run, "verify")
    assert code == 0, said


async def test_without_checkpoints_or_keys_it_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "CHECKPOINTS", "nothing.v1")
    code, said = await rig.verified()
    assert code == 1
    assert "no checkpoint was found" in said
    result = CliRunner().invoke(app, ["log", "verify"])
    assert result.exit_code == 1
    assert "save /reporting/v1/proof-keys" in str(result.exception)
    assert CliRunner().invoke(app, ["log", "verify", "--topic", "directory.employee.v1"]).exit_code == 2
