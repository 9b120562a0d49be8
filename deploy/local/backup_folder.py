"""What stands in the folder of a backup, and whether an instant can be had back of it."""

import datetime as dt
import fcntl
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.local.state import write_private
from deploy.log_export import records_of
from shared.events import EmployeeChanged

VERSION = 1
PARTS = ("base", "wal", "log", "state")


class BackupRefused(Exception):
    """What stands in the way, and what to do."""


@dataclass(frozen=True)
class Backup:
    """What stands in `backup.json`. `since` and `until`: the first and last instant that can be had back, of real
    time; `system`: PostgreSQL's identifier; `wal_from`: from where on the slot keeps WAL; `marks`: where the log
    goes on."""

    version: int
    system: str
    since: str
    until: str
    wal_from: str
    parts: int
    records: int
    marks: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    @classmethod
    def read(cls, folder: Path) -> "Backup":
        """Raises BackupRefused where there is none."""
        if not (folder / "backup.json").exists() and any((folder / name).exists() for name in PARTS):
            raise BackupRefused(
                f"{folder} was broken off before its first end: run `hadir backup {folder}` once more"
            )
        try:
            said = json.loads((folder / "backup.json").read_text())
            found = cls(**said)
        except (OSError, ValueError, TypeError) as error:
            raise BackupRefused(f"{folder} holds no backup: make one with `hadir backup {folder}`") from error
        if found.version != VERSION:
            raise BackupRefused(f"{folder} is a backup of a later version: restore it with that version")
        return found


def begun(folder: Path) -> Backup | None:
    """The backup in the folder; None where it is new, and empty then. What was broken off before its first end is
    begun anew. Raises BackupRefused."""
    if (folder / "backup.json").exists():
        return Backup.read(folder)
    if folder.exists() and {path.name for path in folder.iterdir()} - {*PARTS}:
        raise BackupRefused(f"{folder} has other files in it: name a new folder, or that of a backup")
    emptied(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return None


def emptied(folder: Path) -> None:
    """Remove what a first run has written that came to no end."""
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Nobody else writes into the folder meanwhile. Raises BackupRefused where somebody does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupRefused(f"another `hadir backup` writes into {folder}: wait for its end") from error
    finally:
        os.close(descriptor)


def write(folder: Path, done: Backup) -> None:
    write_private(folder / "backup.json", json.dumps(asdict(done), indent=1))


def whole(folder: Path) -> Backup:
    """The backup in a folder of which nothing is missing. Raises BackupRefused."""
    known = Backup.read(folder)
    parts = [f"log/{number:05}.jsonl.gz" for number in range(1, known.parts + 1)]
    for name in ("base/backup_manifest", "wal", *parts, "state"):
        if not (folder / name).exists():
            raise BackupRefused(f"{folder} is not whole: {name} is missing: take another copy of it")
    if not any((folder / "wal").iterdir()):
        raise BackupRefused(f"{folder} is not whole: wal is empty: take another copy of it")
    return known


def instant_of(known: Backup, at: str | None) -> dt.datetime:
    """The instant that is asked for, in whole milliseconds; the last one if none is. Raises BackupRefused."""
    since, until = dt.datetime.fromisoformat(known.since), dt.datetime.fromisoformat(known.until)
    try:
        instant = until if at is None else dt.datetime.fromisoformat(at)
    except ValueError as error:
        raise BackupRefused(f"{at} is no instant: write 2026-01-31T07:30:00+07:00") from error
    if instant.tzinfo is None:
        raise BackupRefused(f"{at} has no offset: write it as 2026-01-31T07:30:00+07:00")
    instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    if not since <= instant <= until:
        raise BackupRefused(
            f"this backup has the instants from {known.since} to {known.until}, by the clock on the wall"
        )
    return instant


def roomy(at: Path, wanted: int) -> None:
    """Raises BackupRefused where so many bytes have no room on the disk of a folder, which need not be there."""
    there = next(path for path in (at, *at.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < wanted:
        raise BackupRefused(
            f"the disk of {there} has {free / 1e9:.1f} GB free and {wanted / 1e9:.1f} GB are needed: make room on "
            "it, or name a folder on another disk"
        )


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder; a server may remove some meanwhile."""
    found = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found += Path(root, name).lstat().st_size
    return found


def since_erased(folder: Path, instant: dt.datetime) -> list[str]:
    """The people of whom the backup's log says that they were erased at that instant or later."""
    milliseconds = round(instant.timestamp() * 1000)
    return [
        key.decode()
        for log, timestamp, key, value, headers in records_of(folder / "log")
        if log.topic == EmployeeChanged.topic
        and value is None
        and key is not None
        and timestamp >= milliseconds
        # A heartbeat is a null too, and nobody's.
        and dict(headers).get("ce_type") == EmployeeChanged.topic.encode()
    ]
