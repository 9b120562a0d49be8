"""The page for subscribers, its commands and programs, run as its reader would."""

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local import tools
from tests.architecture.source import ROOT, tracked

Records = dict[str, dict[str, dict[str, dict[str, Any]] | None]]
"""Of topic, identity and ce_id: {revision, value}; None for what is erased."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""Maven writes one before a program's first line, into a pipe too, whatever it is told of colours."""
PATIENCE_S = 600.0  # packages are fetched, and compiled

PAGE = (ROOT / "docs" / "subscribe.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```sh\n(.+?)```", PAGE, re.DOTALL)
EXAMPLES = ROOT / "examples"
PROGRAMS = tuple(sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()))
OVER_HTTP = ("feed", "webhook")
KAFKA = tuple(name for name in PROGRAMS if name not in OVER_HTTP)
KEEPING = tuple(name for name in KAFKA if name != "kcat")
"""Those of Kafka's that keep a state; kcat only shows."""


def settings() -> tuple[str, str]:
    """The command with which the page sets a secured connection to Kafka, and a plain one."""
    secured, plain = re.findall(r"^export HADIR_KAFKA_.+$", PAGE, re.MULTILINE)
    return secured, plain


HADIR_ADD = "hadir subscriber add"
TOKEN = "hadir token --role council --ttl"
START, SIGNED_IN, HAPPENS = 'make up ARGS="--port', "OFFICER=$(cd hadir", "imports/holidays"
GIVEN, PAGES, SUBSCRIPTION, TRIAL = "HADIR_TOKEN=eyJ", "&cursor=", "/subscriptions/$ID/topics", "/trials"
OTHERS = (HADIR_ADD, TOKEN, START, SIGNED_IN, HAPPENS, GIVEN, PAGES, SUBSCRIPTION, TRIAL)
"""Words of the other blocks of commands, each of which one block has."""


def block(words: str) -> list[str]:
    """The lines of the one block of commands of the page that has these words."""
    (lines,) = [block for block in BLOCKS if words in block]
    return lines.strip().splitlines()


def commands(program: str) -> list[str]:
    """What the page says to type for a program, after its settings."""
    (lines,) = [block for block in BLOCKS if re.search(rf"examples/{program}[ /]", block)]
    return lines.strip().splitlines()


def set_to(command: str, values: Mapping[str, str]) -> str:
    """The page's `export` with these values in place of its own; each that it names must be given."""
    return re.sub(r"(HADIR_\w+)=\S+", lambda found: f"{found[1]}={values[found[1]]}", command)


def clone(folder: Path) -> None:
    """The examples as a fresh clone has them, in `folder`/hadir."""
    for path in tracked():
        if path.is_relative_to(EXAMPLES):
            to = folder / "hadir" / path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)


@dataclass
class Running:
    process: asyncio.subprocess.Process
    folder: Path
    said: list[str] = field(default_factory=list[str])

    async def line(self) -> str:
        """The next line of its output; AssertionError with what it said and complained of when there is none."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await self.process.stdout.readline()
        except TimeoutError as error:
            raise AssertionError(f"nothing more came after {self.trouble()}") from error
        assert line, f"it ended after {self.trouble()}"
        self.said.append(_COLOUR.sub("", line.decode().rstrip("\n")))
        return self.said[-1]

    def trouble(self) -> str:
        """The last of what it said, Maven's errors among it, and of what it complained of."""
        return "\n".join([*self.said[-30:], (self.folder / "errors").read_text()[-3000:]])

    async def until(self, wanted: Callable[[str], bool]) -> str:
        while not wanted(line := await self.line()):
            pass
        return line

    def records(self) -> Records:
        return self._kept().get("records", {})

    def group(self) -> str:
        return self._kept()["group"]

    def _kept(self) -> dict[str, Any]:
        file = self.folder / "subscriber" / "state.json"
        return json.loads(file.read_text()) if file.exists() else {}

    async def keeps(self, wanted: Callable[[Records], bool]) -> None:
        """Waits until its records are as wanted; AssertionError with what it complained of when it ends before."""
        async with asyncio.timeout(PATIENCE_S):
            while not wanted(self.records()):
                assert self.process.returncode is None, self.trouble()
                await asyncio.sleep(0.05)


@asynccontextmanager
async def typed(folder: Path, lines: list[str], environ: Mapping[str, str]) -> AsyncGenerator[Running]:
    """A shell in which these lines are typed, in `folder`; what the last began is ended."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("HADIR_", "VIRTUAL_ENV"))}
    if any("kcat" in line for line in lines):
        lines = [line for line in lines if not line.startswith("sudo apt-get")]
        if shutil.which("kcat") is None:
            await asyncio.to_thread(tools._install, "kcat", "kcat")  # pyright: ignore[reportPrivateUsage]
    with (folder / "errors").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-ec",
            "\n".join([*lines[:-1], f"exec {lines[-1]}"]),
            cwd=folder,
            env=clean | dict(environ),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            limit=2**20,
        )
    try:
        yield Running(process, folder)
    finally:
        await stopped(process)


async def stopped(process: asyncio.subprocess.Process) -> None:
    """Ends it with all that it began, kindly; who does not go within the time is killed, and the test fails."""
    with suppress(ProcessLookupError):  # the whole group has ended
        os.killpg(process.pid, signal.SIGTERM)
        for _ in range(600):
            await asyncio.sleep(0.1)
            os.killpg(process.pid, 0)
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise AssertionError("it does not end when it is told to")
    await process.wait()
