"""The state directory of one local system: data, logs, keys, and the notes by which commands find it."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from deploy.local import manifest
from deploy.local.processes import User, identity

UNREACHABLE_HOME = Path("/var/lib/hadir")
MARKER_TEXT = (
    "State of one local system of Hadir, made by `hadir up`; `hadir erase` removes what was made in here.\n"
)


class AlreadyRunning(Exception):
    """Another process holds this state directory."""


class Unusable(Exception):
    """The state directory cannot be used; the message says why, and what to do."""


class NotRunning(Exception):
    """No system runs on this state directory."""


@dataclass(frozen=True, slots=True)
class Running:
    """What `hadir up` tells other commands, in system.json."""

    http: str
    kafka: str
    postgres: str
    pids: dict[str, int]


@dataclass(frozen=True, slots=True)
class State:
    """Paths under the state directory. Keys, passwords and people's data: each thing in it is private."""

    root: Path

    @classmethod
    def from_environment(cls) -> "State":
        """The directory of HADIR_STATE_DIR; `.hadir` where that is not set, or empty."""
        return cls(Path(os.environ.get("HADIR_STATE_DIR") or ".hadir").expanduser().absolute())

    def create(self) -> None:
        """Take the folder, which must be new, empty or ours, and make what every start needs in it.

        The modes of a folder that was there are left alone. Raises Unusable; then nothing was changed.
        """
        try:
            self._take()
            for private in (self.pids, self.logs, self.kafka):
                private.mkdir(mode=0o700, exist_ok=True)
            # A folder that was writable when it was made may not be so any more.
            probe = self.root / f"lock.{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise Unusable(
                f"{self.root} cannot be used: {error.strerror or error}: set HADIR_STATE_DIR to a folder "
                "that this account may write"
            ) from error

    def _take(self) -> None:
        if self.root.resolve() in (Path("/"), Path.home().resolve()):
            raise Unusable(f"{self.root} is no folder for this: set HADIR_STATE_DIR to a folder of its own")
        if not self.root.exists():
            self.root.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                self.root.mkdir()
                self.root.chmod(0o711)  # PostgreSQL's account must reach its folder; what is inside guards itself
        if not self.root.is_dir():
            raise Unusable(f"{self.root} is a file: set HADIR_STATE_DIR to a folder")
        if not self.is_ours():
            foreign = sorted(path.name for path in self.root.iterdir())
            if foreign:
                raise Unusable(
                    f"{self.root} is not empty ({manifest.some(foreign)}) and was not made by `hadir up`: set "
                    "HADIR_STATE_DIR to a new or an empty folder"
                )
        if not self._marker.exists():
            self._marker.write_text(MARKER_TEXT)

    @property
    def _marker(self) -> Path:
        return self.root / manifest.MARKER

    def is_ours(self) -> bool:
        """Whether this is a state directory, and not somebody's files by a slip in HADIR_STATE_DIR.

        One that was made before there was a marker is known by its passwords, if nothing else is in it.
        """
        if self._marker.is_file():
            return True
        return (self.root / "passwords.json").is_file() and not manifest.foreign(self.root)

    @property
    def pids(self) -> Path:
        return self.root / "pids"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def system_file(self) -> Path:
        return self.root / "system.json"

    @property
    def restoring(self) -> Path:
        """Is there while a restore is under way, and after it was broken off."""
        return self.root / "restoring"

    @property
    def private_key(self) -> Path:
        return self.root / "token-key.pem"

    @property
    def public_key(self) -> Path:
        return self.root / "token-key.pub.pem"

    @property
    def receipt_key(self) -> Path:
        return self.root / "receipt-key.pem"

    @property
    def proof_key(self) -> Path:
        return self.root / "proof-key.pem"

    @property
    def message_key(self) -> Path:
        return self.root / "message-key.pem"

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the directory; raise AlreadyRunning when another process does. Ends with the process."""
        path = self.root / "lock"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "?"
                raise AlreadyRunning(
                    f"{self.root} is in use by process {holder}: stop it, or use another HADIR_STATE_DIR"
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def erase(self) -> list[Path]:
        """Remove what a system made here, then the folder; return what is somebody else's, and was left.

        Raises AlreadyRunning while a system runs on it, Unusable when it is no state directory.
        """
        if not self.root.exists() or (self.root.is_dir() and not any(self.root.iterdir())):
            return []
        if not self.root.is_dir() or not self.is_ours():
            raise Unusable(f"{self.root} was not made by `hadir up`: nothing is removed; see HADIR_STATE_DIR")
        try:
            with self.lock():
                return self._remove()
        except OSError as error:
            raise Unusable(f"{self.root} cannot be erased: {error}: mend that, then erase again") from error

    def _remove(self) -> list[Path]:
        elsewhere = self._postgres_elsewhere()
        left = manifest.remove(self.root)
        if elsewhere is not None:
            shutil.rmtree(elsewhere, ignore_errors=True)
        if left:
            return left
        with suppress(OSError):  # a mount point, or a link to a folder: what was in it is gone
            self.root.rmdir()
        return []

    def _postgres_elsewhere(self) -> Path | None:
        """The folder that we made outside, see `reachable`; a link of somebody else is not followed."""
        postgres = self.root / "postgres"
        ours = outside(postgres)
        return ours if postgres.is_symlink() and postgres.readlink() == ours else None

    def password(self, name: str) -> str:
        """The password of one local account, made at its first use."""
        path = self.root / "passwords.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_private(path, json.dumps(known, indent=1))
        return known[name]

    def database_url(self, name: str, admin_url: str) -> str:
        """The URL of a service's own database, for its own role, on the server of an administrator's URL."""
        server = urlsplit(admin_url).netloc.rpartition("@")[2]
        return f"postgresql://{name}:{quote(self.password(name))}@{server}/{name}"

    def remember_port(self, name: str, port: int) -> None:
        write_private(self.root / "ports.json", json.dumps({**self.ports(), name: port}))

    def ports(self) -> Mapping[str, int]:
        """The ports of the last run: kept when they are still free, so that a bookmark stays good."""
        with suppress(FileNotFoundError, ValueError):
            return {str(k): int(v) for k, v in json.loads((self.root / "ports.json").read_text()).items()}
        return {}

    def publish(self, running: Running) -> None:
        own = {"up": os.getpid(), "identity": identity(os.getpid())}
        write_private(self.system_file, json.dumps({**asdict(running), "owner": own}, indent=1))

    def withdraw(self) -> None:
        self.system_file.unlink(missing_ok=True)

    def running(self) -> Running:
        """The system that runs here; raises NotRunning when there is none, or its note outlived it."""
        with suppress(FileNotFoundError, ValueError, KeyError):
            note = json.loads(self.system_file.read_text())
            if identity(int(note["owner"]["up"])) == note["owner"]["identity"]:
                pids = {str(k): int(v) for k, v in note["pids"].items()}
                return Running(str(note["http"]), str(note["kafka"]), str(note["postgres"]), pids)
        raise NotRunning(f"no system runs on {self.root}: start it with `hadir up`")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only from its first byte."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def outside(path: Path) -> Path:
    """The folder that stands for `path` where its account may not go there."""
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
    return UNREACHABLE_HOME / f"{path.name}-{name}"


def reachable(path: Path, user: User | None) -> Path:
    """`path`, or for an account that may not go there (a clone in a private home) a folder where it may."""
    if user is None:
        return path
    closed = [p for p in path.absolute().parents if p.exists() and not _may_enter(p, user)]
    if not closed:
        return path
    home = outside(path)
    if not home.exists():
        say(f"{user.name} may not enter {closed[0]}: using {home} instead of {path}")
    UNREACHABLE_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    return home


def _may_enter(folder: Path, user: User) -> bool:
    status = folder.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & 0o100)
    return bool(status.st_mode & (0o010 if status.st_gid == user.gid else 0o001))


def say(line: str) -> None:
    """Progress and advice: standard error, because standard output belongs to the caller's data."""
    sys.stderr.write(f"hadir: {line}\n")
    sys.stderr.flush()
