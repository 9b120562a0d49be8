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
import os
import re
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.local import backup_folder, manifest, tools
from deploy.local.backup_folder import Backup, BackupRefused
from deploy.local.kafka import Kafka
from deploy.local.postgres import SETTINGS, Postgres
from deploy.local.processes import run, unprivileged_user
from deploy.local.state import AlreadyRunning, State, Unusable, write_private
from deploy.local.topics import create_topics, wanted
from deploy.log_export import Mark, export
from deploy.log_load import load
from deploy.logbook import FromKafka
from services.reporting.domain.transparency import LogName
from shared.log import reading

SLOT = "hadir_backup"
_NEW_SLOT = "hadir_backup_new"
RECOVERY_S = 3600.0
_UNPACKED = 8
"""So many bytes of Kafka are reckoned with for a byte of the packed log: of a city of 24,000 it is 5."""
Progress = Callable[[int, int], None]
_NOT_KEPT = re.compile(r"lock|restoring|(ports|system)\.json(\.\d+)?")
"""Files of the state directory that are of one run, or of one machine."""


async def backup(state: State, folder: Path, progress: Progress) -> Backup:
    """Begin a backup of the running system in a new folder, or go on with the one that is there.

    Raises NotRunning, BackupRefused, StartFailed.
    """
    running = state.running()
    if os.environ.get("HADIR_POSTGRES_URL"):
        raise BackupRefused("HADIR_POSTGRES_URL: that server is yours; see docs/runbook.md, Backup and restore")
    known = await asyncio.to_thread(backup_folder.begun, folder)
    with backup_folder.held(folder):
        admin: asyncpg.Connection = await asyncpg.connect(running.postgres)
        try:
            if known is not None:
                await _goes_on(admin, known)
                done = await _gone_on(admin, state, folder, known, progress)
            else:
                done = await _begun(admin, state, folder, progress)
        finally:
            await admin.close()
        backup_folder.write(folder, done)
    return done


async def _gone_on(
    admin: asyncpg.Connection, state: State, folder: Path, known: Backup, progress: Progress
) -> Backup:
    """What came since the last run: another part."""
    running = state.running()
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
    return replace(
        known,
        until=until.isoformat(),
        wal_from=kept_from,
        parts=known.parts + 1,
        records=known.records + count,
        marks={str(log): [*mark] for log, mark in marks.items()},
    )


async def _begun(admin: asyncpg.Connection, state: State, folder: Path, progress: Progress) -> Backup:
    """The base backup and the first part; another folder's slot is taken over once the base is there. Where it
    fails nothing is left, and that other folder can be gone on with unless the slot was taken over."""
    try:
        held: int = await admin.fetchval("select sum(pg_database_size(oid))::bigint from pg_database")
        backup_folder.roomy(folder, held + await asyncio.to_thread(backup_folder.size_of, state.kafka))
        for name in ("log", "wal"):
            (folder / name).mkdir(mode=0o700)
        async with _slot(admin):
            arguments = ["-D", str(folder / "base"), "--wal-method=none", "--checkpoint=fast", "--label=hadir"]
            await _tool(state, "pg_basebackup", state.running().postgres, arguments)
        system: int = await admin.fetchval("select system_identifier from pg_control_system()")
        now: dt.datetime = await admin.fetchval("select clock_timestamp()")
        known = Backup(backup_folder.VERSION, str(system), now.isoformat(), now.isoformat(), "0/0", 0, 0)
        return await _gone_on(admin, state, folder, known, progress)
    except BaseException:
        await asyncio.to_thread(backup_folder.emptied, folder)
        raise


@asynccontextmanager
async def _slot(admin: asyncpg.Connection) -> AsyncGenerator[None]:
    """WAL is kept from now on: for a base backup that is taken meanwhile, and at its end for `SLOT`."""
    drop = (
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active"
    )
    await admin.execute(drop, _NEW_SLOT)
    await admin.execute("select pg_create_physical_replication_slot($1, true)", _NEW_SLOT)
    try:
        yield
        await admin.execute(drop, SLOT)
        await admin.execute("select pg_copy_physical_replication_slot($1, $2)", _NEW_SLOT, SLOT)
    finally:
        await admin.execute(drop, _NEW_SLOT)


async def _goes_on(admin: asyncpg.Connection, known: Backup) -> None:
    """Raises BackupRefused where the folder cannot be gone on with."""
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


@dataclass(frozen=True)
class Restored:
    """The instant that was restored, how many records the log has, and how many were left out of it."""

    at: dt.datetime
    records: int
    later: int
    postgres: Postgres


@asynccontextmanager
async def restoring(
    state: State, folder: Path, instant: dt.datetime, gone: Sequence[str], progress: Progress
) -> AsyncGenerator[Restored]:
    """Make the system of an instant in an empty state directory. PostgreSQL runs within, for what is to be done
    before anything else runs on it; from the end on the system may be started. What fails leaves nothing.

    `gone`: employee_ids of whom the directory's log is to say nothing. Raises BackupRefused, Unusable,
    StartFailed.
    """
    await asyncio.to_thread(_take, state, folder)
    try:
        await asyncio.to_thread(_copied_back, state, folder)
        postgres = _server(state, instant)
        try:
            await _databases(postgres, folder)
            records, later = await _log_again(state, folder, instant, gone, progress)
            yield Restored(instant, records, later, postgres)
        finally:
            await postgres.stop()
    except BaseException:
        with suppress(AlreadyRunning, Unusable):  # what failed is what is told
            await asyncio.to_thread(state.erase)
        raise
    state.restoring.unlink()


async def _log_again(
    state: State, folder: Path, instant: dt.datetime, gone: Sequence[str], progress: Progress
) -> tuple[int, int]:
    """The log as it was; returns how many records it has, and how many were left out."""
    kafka = Kafka(state)
    kafka.patience_s = RECOVERY_S
    try:
        await kafka.start()
        await create_topics(kafka.bootstrap)
        topics = [topic.name for topic in wanted()]
        client: Mapping[str, Any] = {"bootstrap_servers": kafka.bootstrap, "client_id": "hadir-restore"}
        before_ms = round(instant.timestamp() * 1000)
        return await load(client, folder / "log", topics, before_ms=before_ms, without=gone, progress=progress)
    finally:
        await kafka.stop()


def free_for(state: State) -> None:
    """Raises BackupRefused where something stands in the state directory."""
    if state.root.is_dir() and any(path.name != manifest.MARKER for path in state.root.iterdir()):
        raise BackupRefused(f"{state.root} is not empty: `hadir erase` it, or set HADIR_STATE_DIR to a new folder")


def _take(state: State, folder: Path) -> None:
    free_for(state)
    parts = {name: backup_folder.size_of(folder / name) for name in backup_folder.PARTS}
    backup_folder.roomy(state.root, sum(parts.values()) + parts["log"] * (_UNPACKED - 1))
    state.create()
    state.restoring.touch()


def _server(state: State, instant: dt.datetime) -> Postgres:
    """The server that recovers up to the instant."""
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
    return postgres


async def _databases(postgres: Postgres, folder: Path) -> None:
    data = postgres.data_folder()
    wal = data.with_name("wal")
    await asyncio.to_thread(_base_back, folder, data, wal)
    bin_dir = await asyncio.to_thread(tools.postgres_bin, unprivileged_user(), postgres.made_by())
    said = "the base backup is damaged: take another copy of it"
    await run([str(bin_dir / "pg_verifybackup"), "--no-parse-wal", "--quiet", str(data)], said)
    await asyncio.to_thread(_to_be_recovered, data, wal)
    await postgres.start()
    await asyncio.to_thread(shutil.rmtree, wal)


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
