"""One PostgreSQL server as a local process, under an unprivileged account even when we are root."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg

from deploy.local import tools
from deploy.local.processes import Child, StartFailed, identity, unprivileged_user
from deploy.local.server import Server
from deploy.local.state import State, reachable

ADMIN = "hadir"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    # A page is written whole into the log at its first change after a checkpoint, and ids of punches are random:
    # with a year of them that is 6 KB for each (docs/decisions/0032-months.md).
    "checkpoint_timeout": "15min",
    # What a backup that nobody goes on with holds back: beyond it that backup ends, and not the disk.
    "max_slot_wal_keep_size": "8GB",
    "jit": "off",  # it compiles for longer than our queries run
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@dataclass(slots=True)
class Postgres(Server):
    """The database server."""

    folder: str = "data"
    """The data's folder, below the server's own."""
    settings: Mapping[str, str] = field(default_factory=lambda: SETTINGS)
    name: str = field(default="postgres", init=False)

    @property
    def url(self) -> str:
        """The administrator's URL."""
        return f"postgresql://{ADMIN}:{quote(self.state.password(ADMIN))}@127.0.0.1:{self.port}/postgres"

    async def start(self) -> None:
        """Make the data folder if need be, start, and return when it answers; raises StartFailed, Missing."""
        data = self.data_folder()
        bin_dir = await asyncio.to_thread(tools.postgres_bin, unprivileged_user(), self.made_by())
        if self.made_by() is None:
            await self._initdb(bin_dir, data)
        _forget_dead_postmaster(data)

        async def on(port: int) -> Child:
            options = [
                word for k, v in {**self.settings, "port": str(port)}.items() for word in ("-c", f"{k}={v}")
            ]
            return self._program([str(bin_dir / "postgres"), "-D", str(data), *options], self.name)

        await self.start_child("PostgreSQL", on)

    def made_by(self) -> int | None:
        """The major version that made the data; None when there are none."""
        try:
            return int((self.data_folder() / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StartFailed(
                f"{self.data_folder()} is damaged: PG_VERSION is no number; restore a backup"
            ) from error

    def data_folder(self) -> Path:
        """The server's folder, owned by its account: in the state directory, or where that account may go."""
        user = unprivileged_user()
        wanted = self.state.root / "postgres"
        home = reachable(wanted, user)
        if home != wanted and not wanted.is_symlink():
            if wanted.exists():
                raise StartFailed(
                    f"{user.name if user else 'PostgreSQL'} may no longer enter {wanted}, where the data is: "
                    "allow it with chmod o+x on the folders above"
                )
            wanted.symlink_to(home)
        home.mkdir(mode=0o700, exist_ok=True)
        if user:
            os.chown(home, user.uid, user.gid)
        return home / self.folder

    def _program(self, argv: list[str], name: str) -> Child:
        user = unprivileged_user()
        keep = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return Child(
            name=name,
            argv=argv,
            log=self.state.logs / f"{name}.log",
            pid_file=self.state.pids / f"{name}.json",
            cwd=self.data_folder().parent,
            env={**keep, "HOME": str(self.data_folder().parent), "LC_ALL": "C.UTF-8"},
            user=user,
            # SIGINT is PostgreSQL's fast shutdown: clients are sent away, the data is left clean.
            stop_signal=signal.SIGINT,
        )

    async def _initdb(self, bin_dir: Path, data: Path) -> None:
        # Made beside and renamed: a folder left halfway by a kill is not taken for a finished one.
        fresh = data.with_name(f"{data.name}.part")
        shutil.rmtree(fresh, ignore_errors=True)
        secret = data.with_name("initial-password")
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self.state.password(ADMIN))
        if user := unprivileged_user():
            os.chown(secret, user.uid, user.gid)
        how = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-locale"]
        child = self._program([str(bin_dir / "initdb"), "-D", str(fresh), "-U", ADMIN, *how], "initdb")
        child.start()
        try:
            if await child.wait() != 0:
                raise child.failed("PostgreSQL's data folder could not be made")
        finally:
            await child.stop()
            secret.unlink()
        fresh.rename(data)

    async def answers(self) -> bool:
        with suppress(OSError, asyncpg.PostgresError, TimeoutError):
            connection: asyncpg.Connection = await asyncpg.connect(self.url, timeout=5)
            await connection.close()
            return True
        return False


@dataclass(frozen=True, slots=True)
class GivenPostgres:
    """A server that somebody else runs, by its administrator's URL: nothing is started or stopped."""

    url: str
    name: str = field(default="postgres", init=False)
    pid: None = field(default=None, init=False)

    async def start(self) -> None:
        """Return if it answers; raises StartFailed."""
        try:
            connection: asyncpg.Connection = await asyncpg.connect(self.url, timeout=10)
        except (OSError, asyncpg.PostgresError, ValueError) as error:
            raise StartFailed(f"the PostgreSQL of HADIR_POSTGRES_URL does not answer: {error}") from error
        await connection.close()

    async def wait(self) -> int:
        """Never returns."""
        await asyncio.Event().wait()
        return 0

    async def stop(self) -> None:
        """Leave it as it is."""


async def ensure_database(state: State, admin_url: str, name: str) -> str:
    """Make a role and a database of that name where they are missing; return their URL."""
    connection: asyncpg.Connection = await asyncpg.connect(admin_url)
    try:
        await create_database(connection, name, state.password(name))
    finally:
        await connection.close()
    return state.database_url(name, admin_url)


async def create_database(
    connection: asyncpg.Connection,
    name: str,
    password: str,
    *,
    role: str | None = None,
    template: str | None = None,
) -> None:
    """Make a login role (named like the database unless given) with this password, and its database.

    template is the database to copy, file by file; it must have no connections.
    """
    role = role or name
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f"CREATE ROLE {_quoted(role)} LOGIN")
    literal = "'" + password.replace("'", "''") + "'"
    await connection.execute(f"ALTER ROLE {_quoted(role)} PASSWORD {literal}")
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        copy = f" TEMPLATE {_quoted(template)} STRATEGY FILE_COPY" if template else ""
        await connection.execute(f"CREATE DATABASE {_quoted(name)} OWNER {_quoted(role)}{copy}")
        # By default every role may connect to every database: a service has no business in another's.
        await connection.execute(f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC")


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _forget_dead_postmaster(data: Path) -> None:
    """Remove postmaster.pid when its pid is no PostgreSQL: in a new container the number may be anybody's."""
    note = data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(note.read_text().splitlines()[0])
        name = Path(f"/proc/{pid}/comm")
        if identity(pid) is None or (name.exists() and name.read_text().strip() != "postgres"):
            note.unlink()
