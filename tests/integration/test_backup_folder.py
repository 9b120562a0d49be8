"""What the folder of a backup says. What is no backup, or cannot be had back here, is named in one line before
anything is made; and a restore that fails leaves nothing."""

import datetime as dt
import gzip
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from uuid import uuid4

import pytest

from deploy.local.backup_folder import Backup, BackupRefused, instant_of, since_erased
from deploy.log_export import NoExport, records_of
from tests.integration.conftest import Says

AT = "2026-01-01T12:00:00+00:00"
HEAD = '{"kind":"hadir log export","version":1}\n'


def record(
    number: int, *, key: str = "", of: str = "heartbeat", timestamp: int = 1, value: str | None = None
) -> str:
    """A line of an export, of the directory of people."""
    line = {
        "kind": "record",
        "log": "directory.employee.v1/0",
        "index": number,
        "offset": number,
        "encoding": "utf-8",
        "key": key or str(uuid4()),
        "value": value,
        "headers": [["ce_type", of]],
        "leaf": "00" * 32,
        "timestamp": timestamp,
    }
    return json.dumps(line) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `hadir backup` leaves it, with a base that no PostgreSQL has made."""
    made = tmp_path / "backup"
    for name in ("base", "wal", "log", "state"):
        (made / name).mkdir(parents=True)
    (made / "base" / "backup_manifest").write_text("{}")
    (made / "base" / "PG_VERSION").write_text("15")
    (made / "wal" / "000000010000000000000001").write_bytes(b"")
    (made / "log" / "00001.jsonl.gz").write_bytes(gzip.compress((HEAD + record(0)).encode()))
    said = Backup(1, "1", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00", "0/0", 1, 1)
    (made / "backup.json").write_text(json.dumps(asdict(said)))
    return made


def full(_: Path) -> SimpleNamespace:
    return SimpleNamespace(free=1)


class Wrong(NamedTuple):
    """What was taken away from a backup, or is asked of it, and what is said then."""

    gone: tuple[str, ...]
    arguments: tuple[str, ...]
    said: str


WRONG = {
    "no backup": Wrong(("base", "wal", "log", "state", "backup.json"), (), "holds no backup"),
    "broken off": Wrong(("backup.json",), (), "was broken off before its first end: run `hadir backup"),
    "no base": Wrong(("base",), (), "base/backup_manifest is missing: take another copy of it"),
    "no WAL": Wrong(("wal/000000010000000000000001",), (), "wal is empty: take another copy of it"),
    "no log": Wrong(("log/00001.jsonl.gz",), (), "log/00001.jsonl.gz is missing: take another copy of it"),
    "no keys": Wrong(("state",), (), "state is missing: take another copy of it"),
    "before": Wrong((), ("--at", "2025-12-31T00:00+00:00"), "instants from 2026-01-01T00:00:00+00:00 to"),
    "after": Wrong((), ("--at", "2026-01-03T00:00+00:00"), "instants from 2026-01-01T00:00:00+00:00 to"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_cannot_be_had_back_is_named_before_anything_is_made(
    wrong: Wrong, folder: Path, says: Says, tmp_path: Path
) -> None:
    for name in wrong.gone:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    code, said = says("restore", str(folder), *wrong.arguments)
    assert (code, wrong.said in said) == (1, True), said
    assert not (tmp_path / "state").exists()


def test_a_log_that_was_cut_off_is_named_before_anything_is_made(folder: Path, says: Says, tmp_path: Path) -> None:
    part = folder / "log" / "00001.jsonl.gz"
    part.write_bytes(part.read_bytes()[:-12])
    code, said = says("restore", str(folder))
    assert (code, f"{part} is damaged behind line" in said, "take another copy of it" in said) == (
        1,
        True,
        True,
    ), said
    assert not (tmp_path / "state").exists()


def test_a_list_of_the_erased_that_names_nobody_is_refused_by_its_line(
    folder: Path, says: Says, tmp_path: Path
) -> None:
    listed = tmp_path / "erased"
    listed.write_text(f"{uuid4()}\nSiti\n")
    code, said = says("restore", str(folder), "--erased", str(listed), "--officer", str(uuid4()))
    assert (code, f"{listed}, line 2: Siti is no employee_id" in said) == (1, True), said
    assert not (tmp_path / "state").exists()


def test_a_state_directory_that_is_not_empty_is_left_as_it_is(folder: Path, says: Says, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "passwords.json").write_text("{}")
    code, said = says("restore", str(folder))
    assert (code, "is not empty: `hadir erase` it" in said) == (1, True), said
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["passwords.json"]


def test_a_disk_that_is_too_small_is_said_before_anything_is_made(
    folder: Path, says: Says, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", full)
    code, said = says("restore", str(folder))
    assert (code, "has 0.0 GB free and" in said, "make room" in said) == (1, True, True), said
    assert not (tmp_path / "state").exists()


def test_a_restore_that_fails_leaves_nothing(folder: Path, says: Says, tmp_path: Path) -> None:
    code, said = says("restore", str(folder))
    assert (code, "the base backup is damaged: take another copy of it" in said) == (1, True), said
    assert not (tmp_path / "state").exists()


def test_a_part_of_the_log_that_was_broken_off_is_passed_over(folder: Path) -> None:
    (folder / "log" / "00002.jsonl.gz.part").write_bytes(b"\x1f\x8b")
    assert len(list(records_of(folder / "log"))) == 1


def test_a_folder_of_nothing_but_a_broken_off_part_is_no_export(folder: Path) -> None:
    part = folder / "log" / "00001.jsonl.gz"
    part.rename(part.with_name("00001.jsonl.gz.part"))
    with pytest.raises(NoExport, match="holds no export of the log"):
        list(records_of(folder / "log"))


def test_a_file_is_no_folder_for_a_backup(says: Says, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = says("backup", str(tmp_path / "file"))
    assert (code, "is a file" in said) == (2, True), said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("yesterday", "is no instant"),
        ("2026-01-01T00:00", "has no offset"),
        ("2020-01-01T00:00+07:00", "instants from"),
    ],
)
def test_an_instant_that_cannot_be_had_back_is_refused(at: str, said: str) -> None:
    known = Backup(1, "1", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00", "0/0", 1, 0)
    with pytest.raises(BackupRefused, match=said):
        instant_of(known, at)


def test_who_was_erased_at_an_instant_or_later_stands_in_the_log_of_the_backup(folder: Path) -> None:
    at = dt.datetime(2026, 1, 31, 7, 30, tzinfo=dt.UTC)
    ms, erasure = round(at.timestamp() * 1000), "directory.employee.v1"
    lines = [
        record(0, key="before", of=erasure, timestamp=ms - 1),
        record(1, key="then", of=erasure, timestamp=ms),
        record(2, key="changed", of=erasure, timestamp=ms + 1, value="{}"),
        record(3, key="heartbeat", timestamp=ms + 1),
        record(4, key="after", of=erasure, timestamp=ms + 2),
    ]
    (folder / "log" / "00001.jsonl.gz").write_bytes(gzip.compress((HEAD + "".join(lines)).encode()))
    assert since_erased(folder, at) == ["then", "after"]
