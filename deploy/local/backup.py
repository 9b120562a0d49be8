"""`hadir backup` and `hadir restore`: a running local system into a folder, and any instant of it out of that
again.

What Kafka has acknowledged leaves the outbox, so neither the databases nor the log can be made from the other.
They are brought to one instant by the clock of this machine. Let T be an instant. The databases at T are the base
backup with the transactions that were committed before T. The log at T is the records that were sent before T: a
record is sent after the transaction that promised it was committed, so the databases know all of them; and what
was committed before T but sent later, or not at all, still stands in the outbox as it was at T, for its row is
only taken out after Kafka has it. So the relay sends it after the restore, with the same ids. Nothing is lost,
nothing is there that was not, and what comes twice is joined.

A folder is gone on with: each run adds the log's new records, and the WAL up to now, which a replication slot
keeps until then. From the end of the first run to that of the last one any instant can be had back.
"""

import asyncio
import datetime as dt
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.local import manifest, tools
from deploy.local.kafka import Kafka
from deploy.local.postgres import SETTINGS, Postgres
from deploy.local.processes import run, unprivileged_user
from deploy.local.state import State, write_private
from deploy.local.topics import create_topics, wanted
from deploy.log_export import Mark, export, records_of
from deploy.log_load import load
from deploy.logbook import FromKafka
from services.reporting.domain.transparency import LogName
from shared.events import EmployeeChanged
from shared.log import reading

SLOT = "hadir_backup"
RECOVERY_S = 3600.0
Progress = Callable[[int, int], None]
_VERSION = 1
_NOT_KEPT = re.compile(r"lock|restoring|(ports|system)\.json(\.\d+)?")
"""Files of the state directory that are of one run, or of one machine."""


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
        try:
            said = json.loads((folder / "backup.json").read_text())
            found = cls(**said)
        except (OSError, ValueError, TypeError) as error:
            raise BackupRefused(f"{folder} holds no backup: make one with `hadir backup {folder}`") from error
        if found.version != _VERSION:
            raise BackupRefused(f"{folder} is a backup of a later version: restore it with that version")
        return found


async def backup(state: State, folder: Path, progress: Progress) -> Backup:
    """Begin a backup of the running system in a new folder, or go on with the one that is there.

    Raises NotRunning, BackupRefused, StartFailed.
    """
    running = state.running()
    if os.environ.get("HADIR_POSTGRES_URL"):
        raise BackupRefused("HADIR_POSTGRES_URL: that server is yours; see docs/runbook.md, Backup and restore")
    known = _begun(folder)
    admin: asyncpg.Connection = await asyncpg.connect(running.postgres)
    try:
        known = await _goes_on(admin, known) if known is not None else await _begin(admin, state, folder)
        await asyncio.to_thread(copied, state, folder)
        # From here on nothing is promised any more: the log and the WAL are read beyond this instant.
        until: dt.datetime = await admin.fetchval("select date_trunc('milliseconds', clock_timestamp())")
        count, marks = await _log(running.kafka, folder, known, progress)
        # A commit behind the instant, so that PostgreSQL finds where to stop; then the segment is given out.
        await admin.execute("select pg_current_xact_id()")
        lsn: str = await admin.fetchval("select pg_switch_wal()::text")
        arguments = ["-D", str(folder / "wal"), f"--slot={SLOT}", f"--endpos={lsn}", "--no-loop"]
        await _tool(state, "pg_receivewal", running.postgres, arguments)
        kept_from: str = await admin.fetchval(
            "select restart_lsn::text from pg_replication_slots where slot_name = $1", SLOT
        )
    finally:
        await admin.close()
    done = replace(
        known,
        until=until.isoformat(),
        wal_from=kept_from,
        parts=known.parts + 1,
        records=known.records + count,
        marks={str(log): [*mark] for log, mark in marks.items()},
    )
    _write(folder, done)
    return done


def _begun(folder: Path) -> Backup | None:
    """The backup in the folder; None where it is new. What was broken off before its first end is begun anew."""
    if (folder / "backup.json").exists():
        return Backup.read(folder)
    ours = {"base", "log", "wal", "state"}
    if folder.exists() and {path.name for path in folder.iterdir()} - ours:
        raise BackupRefused(f"{folder} has other files in it: name a new folder, or that of a backup")
    for name in ours:
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "log").mkdir(mode=0o700)
    (folder / "wal").mkdir(mode=0o700)
    return None


async def _begin(admin: asyncpg.Connection, state: State, folder: Path) -> Backup:
    """The base backup, and the slot that keeps the WAL from before it; another folder's slot is taken over."""
    await admin.execute(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active",
        SLOT,
    )
    await admin.execute("select pg_create_physical_replication_slot($1, true)", SLOT)
    arguments = ["-D", str(folder / "base"), "--wal-method=none", "--checkpoint=fast", "--label=hadir"]
    await _tool(state, "pg_basebackup", state.running().postgres, arguments)
    system: int = await admin.fetchval("select system_identifier from pg_control_system()")
    now: dt.datetime = await admin.fetchval("select clock_timestamp()")
    return Backup(_VERSION, str(system), now.isoformat(), now.isoformat(), "0/0", 0, 0)


async def _goes_on(admin: asyncpg.Connection, known: Backup) -> Backup:
    row = await admin.fetchrow(
        """
        select system_identifier::text = $2 as same,
            (select restart_lsn <= $3::text::pg_lsn and wal_status <> 'lost' from pg_replication_slots
                where slot_name = $1) as kept
        from pg_control_system()
        """,
        SLOT,
        known.system,
        known.wal_from,
    )
    assert row is not None  # noqa: S101 - a function without from has one row
    if not row["same"]:
        raise BackupRefused("this folder holds the backup of another system: name a new folder")
    if not row["kept"]:
        raise BackupRefused(
            "what came after the last run is kept no more (another backup was begun, the system was restored, "
            "or too much came): begin anew in a new folder, and keep this one for the instants that it has"
        )
    return known


async def _log(kafka: str, folder: Path, known: Backup, progress: Progress) -> tuple[int, dict[LogName, Mark]]:
    """The records that came since the last part, in a part of their own."""
    client = {"bootstrap_servers": kafka, "client_id": "hadir-backup"}
    names = [topic.name for topic in wanted()]
    async with reading(client, names, uncommitted=True, rewound=False) as log:
        written = await log.ends()
    async with reading(client, names, rewound=False) as log:
        readable = await log.ends()
    held = sorted(one.topic for one, end in written.items() if readable[one] < end)
    if held:
        # What we sent behind it has left the outbox, and may not be read.
        raise BackupRefused(
            f"records of {held[0]} are held back by a transaction of another producer: see docs/runbook.md, "
            "RecordsHeld; then try again"
        )
    after = {LogName.of(name): Mark(*mark) for name, mark in known.marks.items()}
    part = folder / "log" / f"{known.parts + 1:05}.jsonl.gz"
    part.unlink(missing_ok=True)
    return await export(FromKafka(client, names), part, progress, after=after)


def copied(state: State, folder: Path) -> None:
    """Copy keys, passwords and evidence. What one of these files says does not change once it is there."""
    into = folder / "state"
    into.mkdir(mode=0o700, exist_ok=True)
    for path in sorted(state.root.iterdir()):
        if path.is_file() and manifest.is_our_file(path.name) and not _NOT_KEPT.fullmatch(path.name):
            write_private(into / path.name, path.read_text())
    if (evidence := state.root / "evidence").is_dir():
        # Anew each time: what was purged or erased since is not kept here either.
        shutil.rmtree(into / "evidence", ignore_errors=True)
        shutil.copytree(evidence, into / "evidence", ignore=shutil.ignore_patterns(".new-*"))


def _copied_back(state: State, folder: Path) -> None:
    for path in sorted((folder / "state").iterdir()):
        if path.is_dir():
            shutil.copytree(path, state.root / path.name)
        else:
            write_private(state.root / path.name, path.read_text())


def _write(folder: Path, done: Backup) -> None:
    write_private(folder / "backup.json", json.dumps(asdict(done), indent=1))


@dataclass(frozen=True)
class Restored:
    """The instant that was restored, how many records the log has, how many came later, and who had been erased by
    then or since: they have to be erased again."""

    at: dt.datetime
    records: int
    later: int
    erased: tuple[str, ...]
    postgres: Postgres


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


async def restore(
    state: State, folder: Path, at: str | None, erased: Sequence[str], progress: Progress
) -> Restored:
    """Make the system of an instant in an empty state directory. PostgreSQL is left running, for what is to be
    done before anything else runs on it; `finish` ends that. Raises BackupRefused, Unusable, StartFailed.
    """
    known = Backup.read(folder)
    instant = instant_of(known, at)
    _take(state)
    await asyncio.to_thread(_copied_back, state, folder)
    postgres = await _databases(state, folder, instant)
    try:
        gone = [*erased, *since_erased(folder, instant)]
        kafka = Kafka(state)
        kafka.patience_s = RECOVERY_S
        try:
            await kafka.start()
            await create_topics(kafka.bootstrap)
            topics = [topic.name for topic in wanted()]
            client: Mapping[str, Any] = {"bootstrap_servers": kafka.bootstrap, "client_id": "hadir-restore"}
            milliseconds = round(instant.timestamp() * 1000)
            records, later = await load(
                client, folder / "log", topics, before_ms=milliseconds, without=gone, progress=progress
            )
        finally:
            await kafka.stop()
    except BaseException:
        await postgres.stop()
        raise
    return Restored(instant, records, later, tuple(dict.fromkeys(gone)), postgres)


def _take(state: State) -> None:
    if state.root.exists() and any(path.name not in (manifest.MARKER,) for path in state.root.iterdir()):
        raise BackupRefused(f"{state.root} is not empty: `hadir erase` it, or set HADIR_STATE_DIR to a new folder")
    state.create()
    state.restoring.touch()


async def finish(state: State, restored: Restored) -> None:
    """Stop what was left running: from now on the system may be started."""
    await restored.postgres.stop()
    state.restoring.unlink()


async def _databases(state: State, folder: Path, instant: dt.datetime) -> Postgres:
    wal = Postgres(state).data_folder().with_name("wal")
    stop_at = {
        "restore_command": f'cp "{wal}/%f" "%p"',
        "recovery_target_time": instant.isoformat(),
        "recovery_target_inclusive": "off",
        "recovery_target_action": "promote",
        # Until it is there it answers nobody.
        "hot_standby": "off",
    }
    postgres = Postgres(state, settings={**SETTINGS, **stop_at})
    postgres.patience_s = RECOVERY_S
    data = postgres.data_folder()
    await asyncio.to_thread(_base_back, folder, data, wal)
    bin_dir = await asyncio.to_thread(tools.postgres_bin, unprivileged_user(), postgres.made_by())
    said = "the base backup is damaged: take another copy of it"
    await run([str(bin_dir / "pg_verifybackup"), "--no-parse-wal", "--quiet", str(data)], said)
    await asyncio.to_thread(_to_be_recovered, data, wal)
    await postgres.start()
    await asyncio.to_thread(shutil.rmtree, wal)
    return postgres


def _base_back(folder: Path, data: Path, wal: Path) -> None:
    shutil.copytree(folder / "base", data)
    shutil.copytree(folder / "wal", wal)
    for partial in wal.glob("*.partial"):
        partial.rename(partial.with_suffix(""))


def _to_be_recovered(data: Path, wal: Path) -> None:
    """What tells PostgreSQL to recover, and whose all of it is."""
    (data / "recovery.signal").touch()
    (data / "pg_wal" / "archive_status").mkdir(parents=True, exist_ok=True)
    if user := unprivileged_user():
        for path in (data, wal, *data.rglob("*"), *wal.rglob("*")):
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
    data.chmod(0o700)


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


async def _tool(state: State, name: str, admin_url: str, arguments: Sequence[str]) -> None:
    """One of PostgreSQL's own, of the version that the data are of, as the administrator."""
    server = urlsplit(admin_url)
    bin_dir = await asyncio.to_thread(tools.postgres_bin, unprivileged_user(), Postgres(state).made_by())
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env = {
        **clean,
        "PGHOST": server.hostname or "",
        "PGPORT": str(server.port),
        "PGUSER": unquote(server.username or ""),
        "PGPASSWORD": unquote(server.password or ""),
    }
    await run([str(bin_dir / name), *arguments], f"{name} failed", env)
