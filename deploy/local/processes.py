"""Local processes on a leash: they die with us, leave a note of who they are, and are found again by it."""

import asyncio
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")
POLL_SECONDS = 0.05
ATTEMPTS = 4
LOG_LIMIT_BYTES = 16 * 1024 * 1024


class StartFailed(Exception):
    """A local process did not start; the message ends with the last lines of its log."""

    @property
    def port_was_taken(self) -> bool:
        """Whether it found a port of its own in use: PostgreSQL, the JVM and asyncio all say it in these words."""
        return "address already in use" in str(self).lower()


@dataclass(frozen=True, slots=True)
class User:
    """An account to run a program under."""

    name: str
    uid: int
    gid: int


def unprivileged_user() -> User | None:
    """The account for a program that refuses to run as root; None when we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return User(name, entry.pw_uid, entry.pw_gid)
    raise StartFailed("PostgreSQL does not run as root. Create an account for it: useradd --system postgres")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def identity(pid: int) -> str | None:
    """What tells this process from a later one with its pid: boot id and start time; None when it is gone.

    A zombie counts as gone: it holds no port and no file any more.
    """
    if sys.platform == "linux":
        try:
            # The name in parentheses may itself hold spaces and parentheses: count fields after the last one.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] == "Z" else f"{boot}:{fields[19]}"
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def leashed(argv: Sequence[str], stop_signal: signal.Signals, user: User | None = None) -> list[str]:
    """The command that runs `argv`, under that account, and sends it `stop_signal` should we die first.

    Start it from the main thread: the kernel ties the leash to the thread that starts the child.
    """
    account = (user.uid, user.gid) if user else (-1, -1)
    numbers = [str(int(n)) for n in (stop_signal, *account, os.getpid())]
    return [sys.executable, "-I", "-S", str(LEASH), *numbers, "--", *argv]


@dataclass(slots=True)
class Child:
    """One program, restartable. Its output goes to `log`, who it is to `pid_file`.

    `stop_signal` is what asks it to stop cleanly; it also gets that signal when we are killed ourselves.
    """

    name: str
    argv: Sequence[str]
    log: Path
    pid_file: Path
    cwd: Path
    env: Mapping[str, str] | None = None
    user: User | None = None
    own_log: Path | None = None
    """The log that it writes itself, if any."""
    stop_signal: signal.Signals = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C in the terminal reaches us and not it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        mode = "ab" if not self.log.exists() or self.log.stat().st_size < LOG_LIMIT_BYTES else "wb"
        with self.log.open(mode) as log:
            self._process = subprocess.Popen(
                leashed(self.argv, self.stop_signal, self.user),
                cwd=self.cwd,
                env=dict(self.env) if self.env is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        note = {"name": self.name, "pid": self._process.pid, "identity": identity(self._process.pid)}
        self.pid_file.write_text(json.dumps({**note, "stop_signal": int(self.stop_signal)}))

    async def wait(self) -> int:
        """Return the exit code once it has ended."""
        while self.alive:  # noqa: ASYNC110 - the kernel sets no Event
            await asyncio.sleep(POLL_SECONDS)
        return self.returncode or 0

    async def stop(self, patience: float = 20.0) -> None:
        """Ask it to stop, then make it: after this no process of it is left."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(self.stop_signal)
            try:
                await asyncio.wait_for(self.wait(), patience)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await self.wait()
        self.pid_file.unlink(missing_ok=True)

    def failed(self, what: str, lines: int = 20) -> StartFailed:
        """The exception to raise, with the end of its log."""
        logs = [log for log in (self.log, self.own_log) if log is not None and log.exists()]
        tails = [line for log in logs for line in log.read_text(errors="replace").splitlines()[-lines:]]
        return StartFailed("\n".join([f"{what} ({', '.join(map(str, logs))}):", *tails]))


async def run(command: Sequence[str], what: str, env: Mapping[str, str] | None = None) -> None:
    """Run a tool to its end; it dies with whoever waits for it. Raises StartFailed: `what`, and its own words."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode != 0:
        raise StartFailed(f"{what}:\n{said.decode(errors='replace').strip()}")


async def start_on_a_port(
    wanted: int, known: int, start: Callable[[int], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> None:
    """Call `start` with the wanted port, else (wanted is 0) with the known one if it is free, else a free one.

    A port that was free when chosen may be taken a moment later: then another is chosen, unless it was wanted.
    """
    port = wanted or (known if known and is_free(known) else free_port())
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await start(port)
        except StartFailed as error:
            await stop()
            if not error.port_was_taken or attempt == ATTEMPTS:
                raise
            port = wanted or free_port()
        else:
            return


async def end_leftovers(pids: Path, patience: float = 20.0) -> list[str]:
    """End what an earlier run left behind, and nothing else: pid and start time must both be those it noted.

    Returns the names of what was still alive.
    """
    found = _leftovers(pids)
    for _, pid, _, stop_signal in found:
        with suppress(ProcessLookupError):
            os.kill(pid, stop_signal)
    deadline = asyncio.get_running_loop().time() + patience
    for _, pid, known, _ in found:
        while identity(pid) == known:
            if asyncio.get_running_loop().time() > deadline:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            await asyncio.sleep(POLL_SECONDS)
    _forget(pids)
    return [name for name, *_ in found]


def _leftovers(pids: Path) -> list[tuple[str, int, str, int]]:
    """Read the notes; return (name, pid, identity, stop signal) of those that still live."""
    found: list[tuple[str, int, str, int]] = []
    for file in sorted(pids.glob("*.json")):
        # A note written halfway when we were killed: its process had only just started, and died with us.
        with suppress(ValueError, KeyError):
            note = json.loads(file.read_text())
            entry = (str(note["name"]), int(note["pid"]), str(note["identity"]), int(note["stop_signal"]))
            if identity(entry[1]) == entry[2]:
                found.append(entry)
    return found


def _forget(pids: Path) -> None:
    for file in pids.glob("*.json"):
        file.unlink()
