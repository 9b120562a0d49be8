"""The builds that are compared: this checkout, and another commit's, each with an environment of its own."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.harness import ROOT

CHECKOUTS = ROOT / ".bench"
"""Other commits' checkouts and the peers' environments, kept between runs; git does not see it."""


@dataclass(frozen=True, slots=True)
class Build:
    """One commit's product, from a checkout and an environment of its own.

    name: `this` or `base`. commit: 40 hexadecimal digits. dirty: the checkout has changes that no commit has.
    """

    name: Literal["this", "base"]
    commit: str
    root: Path
    python: str
    dirty: bool = False

    async def child(self, *argv: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run its `python argv...` in its checkout; returns the JSON object of the last line of output."""
        process = await self.start(*argv, env=env, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{self.name}: python {' '.join(argv)} ended with {process.returncode}")
        return json.loads(output.decode().strip().splitlines()[-1])

    async def start(
        self, *argv: str, env: Mapping[str, str] | None = None, stdout: int | None = None
    ) -> asyncio.subprocess.Process:
        """Start its `python argv...` in its checkout; the caller ends it."""
        return await self._start(self.python, *argv, env=env, stdout=stdout)

    async def hadir(self, *argv: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
        """Start its `hadir argv...`, output in a pipe; the caller ends it."""
        command = str(Path(self.python).with_name("hadir"))
        return await self._start(command, *argv, env=env, stdout=asyncio.subprocess.PIPE)

    async def _start(
        self, *argv: str, env: Mapping[str, str] | None, stdout: int | None
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=self.root,
            env={**_inherited(), **(env or {})},
            stdout=stdout,
        )

    async def migrate(self, url: str, service: str) -> None:
        """Bring a database of a service to this build's version."""
        script = (
            "import sys, pathlib; from shared.database import migrate;"
            " migrate(sys.argv[1], pathlib.Path(sys.argv[2])); print('{}')"
        )
        await self.child("-c", script, url, str(self.root / "services" / service / "migrations"))


def _inherited() -> dict[str, str]:
    """Our environment without what would lead another checkout back to this one."""
    return {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}}


def _git(*argv: str) -> str:
    answer = subprocess.run(["git", *argv], cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SystemExit(f"git {' '.join(argv)}: {answer.stderr.strip()}")
    return answer.stdout.strip()


def this_build() -> Build:
    """The checkout that this file belongs to, with the interpreter that runs it."""
    changed = bool(_git("status", "--porcelain"))
    return Build("this", _git("rev-parse", "HEAD"), ROOT, sys.executable, dirty=changed)


def base_build(revision: str) -> Build:
    """Lay the commit's checkout under `.bench/` and give it its own environment, unless both are there.

    The files come from `git archive`: no worktree is registered, none has to be pruned. Raises SystemExit with
    what to do where the commit is not known or its environment cannot be made.
    """
    commit = _git("rev-parse", "--verify", f"{revision}^{{commit}}")
    root = CHECKOUTS / commit
    if not root.exists():
        fresh = CHECKOUTS / f"{commit}.part"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(fresh)], input=archive, check=True)
        fresh.rename(root)
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    if subprocess.run([uv, "sync", "-q", "--frozen"], cwd=root, env=_inherited(), check=False).returncode != 0:
        raise SystemExit(f"the environment of {revision} could not be made in {root}: see above, then try again")
    return Build("base", commit, root, str(root / ".venv" / "bin" / "python"))
