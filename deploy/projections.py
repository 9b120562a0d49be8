"""`hadir digest`, `check` and `rebuild`: reporting's facts and what is computed from them."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from deploy.addresses import database_url, kafka, settings_of
from deploy.progress import progress_bar, shows

app = typer.Typer()

_NAMED = 20
"""So many of what is found are named."""


@app.command()
def digest(
    *,
    steps: Annotated[
        bool, typer.Option("--steps", help="Of what is computed from the facts, and compare it")
    ] = False,
) -> None:
    """Print the hash of the fact tables: the same facts give the same hash, in whatever order they came."""
    from services.reporting.commands import check, facts
    from shared.database import Database

    async def compute() -> str:
        db = Database(database_url("reporting"), pool_size=2, application_name="hadir.digest")
        try:
            if not steps:
                return await facts.digest(db)
            with progress_bar() as bar:
                return await check.digest(db, shows(bar, "dates"))
        finally:
            await db.close()

    typer.echo(asyncio.run(compute()))


@app.command()
def check(*, mend: Annotated[bool, typer.Option("--mend", help="Compute anew what is found")] = False) -> None:
    """Compare what was computed from the facts with a fresh computation; exit code 1 where they differ."""
    from services.reporting.commands import check as checking
    from shared.clock import clock_for
    from shared.database import Database

    settings = settings_of("reporting")
    clock = clock_for(settings.state_dir, settings.clock)

    async def compare() -> tuple[checking.Disagreements, checking.Disagreements]:
        db = Database(settings.database_url, pool_size=2, application_name="hadir.check")
        try:
            with progress_bar() as bar:
                found = await checking.check(db, clock.now(), shows(bar, "dates"))
            return found, await checking.mend(db, found, clock.now()) if mend else found
        finally:
            await db.close()

    found, left = asyncio.run(compare())
    _tell(found.told())
    typer.echo(found.summary())
    if found.waiting:
        typer.echo("what is still to be computed was passed over: nobody is shown it", err=True)
    if mend:
        for line in left.told():
            typer.echo(f"hadir: not put right: {line}", err=True)
        typer.echo(f"put right: {found.number - left.number} of {found.number}")
    elif found:
        typer.echo("hadir: put them right with `hadir check --mend`", err=True)
    if left:
        raise typer.Exit(1)


@app.command()
def rebuild() -> None:
    """Rebuild the projections from the log, and compute what follows from the facts."""
    from deploy.tail import answers
    from services.reporting.commands import rebuild as projections
    from services.reporting.commands.steps import NotComputed
    from shared import garbage

    settings = settings_of("reporting")
    garbage.tune()
    # Before the tables are emptied: from a log that cannot be read they could not be filled again.
    asyncio.run(answers(kafka()))
    try:
        with progress_bar() as bar:
            done = asyncio.run(projections.rebuild(settings, shows(bar, "events"), shows(bar, "dates")))
    except NotComputed as failed:
        _tell(failed.told(), err=True)
        typer.echo("hadir: the facts are complete; the rows named above have to be mended by hand", err=True)
        raise typer.Exit(1) from failed
    except KeyboardInterrupt:
        typer.echo("hadir: stopped; `hadir rebuild` goes on", err=True)
        raise
    typer.echo(done.told())


def _tell(lines: Sequence[str], *, err: bool = False) -> None:
    for line in lines[:_NAMED]:
        typer.echo(line, err=err)
    if len(lines) > _NAMED:
        typer.echo(f"... and {len(lines) - _NAMED} more", err=err)
