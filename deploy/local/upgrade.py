"""`hadir upgrade-postgres`: the data of a local system, moved to the newest PostgreSQL that is here.

A data folder is read by its own major version only. Each service's database is dumped from a server of the old one
and restored into a fresh folder of the new one, by the new one's tools. The old folder stays, untouched.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import tools
from deploy.local.postgres import Postgres, ensure_database
from deploy.local.processes import StartFailed, end_leftovers, run, unprivileged_user
from deploy.local.state import State, Unusable, say
from shared.events.base import SERVICES, ServiceName


async def upgrade(state: State) -> Path | None:
    """Move the data; returns the folder of the old ones, or None when they are of the newest version already.

    Raises AlreadyRunning, Unusable, StartFailed and Missing. Until the last step, two renames, the old data are in
    their place: what was broken off can be done again.
    """
    if not state.root.is_dir() or not state.is_ours():
        raise Unusable(f"{state.root} is no state directory: name that of the system in HADIR_STATE_DIR")
    with state.lock():
        await end_leftovers(state.pids)
        old = Postgres(state)
        made_by = old.made_by()
        tools_of_new = await asyncio.to_thread(tools.postgres_bin, unprivileged_user())
        newest = tools.postgres_version(tools_of_new)
        if made_by is None or made_by >= newest:
            return None
        new = Postgres(state, folder="data.new")
        kept = old.data_folder().with_name(f"data.{made_by}")
        if kept.exists():
            raise StartFailed(f"{kept} is there already, from an upgrade before: move it away, then try again")
        dumps = old.data_folder().with_name("data.dump")
        for leftover in (dumps, new.data_folder()):
            shutil.rmtree(leftover, ignore_errors=True)
        dumps.mkdir(mode=0o700)
        say(f"dumping what PostgreSQL {made_by} holds")
        await _beside(old, lambda: _dump(state, old.url, tools_of_new, dumps))
        say(f"restoring it into PostgreSQL {newest}")
        await _beside(new, lambda: _restore(state, new.url, tools_of_new, dumps))
        old.data_folder().rename(kept)
        new.data_folder().rename(old.data_folder())
        shutil.rmtree(dumps)
        return kept


async def _beside(server: Postgres, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await server.start()
        await work()
    finally:
        await server.stop()


async def _dump(state: State, admin_url: str, bin_dir: Path, dumps: Path) -> None:
    for name in SERVICES:
        await ensure_database(state, admin_url, name)  # one that was never made is dumped empty
        what = ["--format=custom", "--no-owner", "--no-privileges", f"--file={dumps / name}"]
        await _run(state, admin_url, name, [str(bin_dir / "pg_dump"), *what])


async def _restore(state: State, admin_url: str, bin_dir: Path, dumps: Path) -> None:
    for name in SERVICES:
        await ensure_database(state, admin_url, name)
        what = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
        await _run(
            state, admin_url, name, [str(bin_dir / "pg_restore"), *what, f"--dbname={name}", str(dumps / name)]
        )


async def _run(state: State, admin_url: str, name: ServiceName, command: list[str]) -> None:
    """A tool of PostgreSQL on one service's database, as that service's role; raises StartFailed."""
    server = urlsplit(admin_url)
    where = {"PGHOST": server.hostname or "", "PGPORT": str(server.port), "PGUSER": name, "PGDATABASE": name}
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env = {**clean, **where, "PGPASSWORD": state.password(name)}
    await run(command, f"{Path(command[0]).name} of {name} failed", env)
