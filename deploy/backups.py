"""`hadir backup` and `hadir restore`: the system that runs here into a folder, and any instant of it out of
that."""

import asyncio
import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from deploy.local.state import State
from deploy.progress import progress_bar, shows

if TYPE_CHECKING:
    from deploy.local.backup import Progress, Restored

app = typer.Typer()

REASON = "erased before; a restore brought them back"


@app.command()
def backup(
    folder: Annotated[
        Path, typer.Argument(help="A new folder, or that of the last backup: it is gone on with", file_okay=False)
    ],
) -> None:
    """Copy databases, log, keys and evidence while the system runs. Again and again: then any instant between the
    end of the first and the last can be had back."""
    from deploy.local.backup import backup as make

    began = time.monotonic()
    with progress_bar() as bar:
        done = asyncio.run(make(State.from_environment(), folder.absolute(), shows(bar, "records")))
    typer.echo(f"{folder}: instants from {done.since} to {done.until}")
    typer.echo(f"{done.records:,} records in {done.parts} parts; this one took {time.monotonic() - began:.1f} s")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="The folder of a backup", exists=True, file_okay=False)],
    at: Annotated[
        str | None,
        typer.Option("--at", help="An instant of the clock on the wall, with offset; default: the last"),
    ] = None,
    erased: Annotated[
        Path | None,
        typer.Option(
            help="employee_ids, one on a line, of people who were erased: they are erased again", exists=True
        ),
    ] = None,
    officer: Annotated[
        UUID | None, typer.Option(help="employee_id of who has them erased again; it is in the audit")
    ] = None,
) -> None:
    """Make the system of an instant in HADIR_STATE_DIR, which must be empty. Then: hadir up."""
    from deploy.local.backup import free_for
    from deploy.local.backup_folder import BackupRefused, instant_of, since_erased, whole

    began = time.monotonic()
    state, folder = State.from_environment(), folder.absolute()
    free_for(state)
    instant = instant_of(whole(folder), at)
    named = [] if erased is None else _named(erased)
    gone = list(dict.fromkeys([*named, *since_erased(folder, instant)]))
    if gone and officer is None:
        raise BackupRefused("people were erased since that instant, and are to be erased again: name --officer ID")
    with progress_bar() as bar:
        restored, again = asyncio.run(_restore(folder, instant, gone, officer, shows(bar, "records")))
    typer.echo(f"restored: the system of {restored.at.isoformat()} in {state.root}")
    typer.echo(
        f"{restored.records:,} records of the log ({restored.later:,} came later, or are of people erased since); "
        f"{again} people erased again"
    )
    typer.echo(f"{time.monotonic() - began:.1f} s. Start it: hadir up; then: hadir check")


def _named(listed: Path) -> list[str]:
    """The employee_ids of a file, one on a line. Raises BackupRefused for a line that is none."""
    from deploy.local.backup_folder import BackupRefused

    found = list[str]()
    for number, line in enumerate(listed.read_text(errors="replace").splitlines(), 1):
        try:
            found += [str(UUID(word)) for word in line.split()]
        except ValueError as error:
            raise BackupRefused(
                f"{listed}, line {number}: {line.strip()} is no employee_id: write one on a line"
            ) from error
    return found


async def _restore(
    folder: Path, instant: dt.datetime, gone: list[str], officer: UUID | None, progress: "Progress"
) -> "tuple[Restored, int]":
    from deploy.local.backup import restoring
    from services.scheduling.commands.people import erase_again
    from shared.access import MANAGE_DIRECTORY, Principal
    from shared.clock import clock_for
    from shared.database import Database

    state = State.from_environment()
    async with restoring(state, folder, instant, gone, progress) as restored:
        if officer is None or not gone:
            return restored, 0
        db = Database(state.database_url("scheduling", restored.postgres.url), pool_size=2)
        try:
            who = Principal(officer, MANAGE_DIRECTORY[0], None, 0)
            people = [UUID(one) for one in gone]
            return restored, len(await erase_again(db, clock_for(state.root, None), who, people, REASON))
        finally:
            await db.close()
