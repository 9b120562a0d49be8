"""`hadir digest`, `check` and `rebuild`: facts, what is computed from them, and all that is held."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.addresses import database_url, kafka, services_here, settings_of
from deploy.progress import progress_bar, shows

if TYPE_CHECKING:
    from shared.events.base import ServiceName

app = typer.Typer()

_NAMED = 20
"""So many of what is found are named."""


@app.command()
def digest(
    *,
    steps: Annotated[
        bool, typer.Option("--steps", help="Of what is computed from the facts, and compare it")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Of all that the four databases hold, a line for each service")
    ] = False,
    tables: Annotated[bool, typer.Option("--tables", help="With --all: a line for each table")] = False,
) -> None:
    """Print the hash of the fact tables: the same facts give the same hash, in whatever order they came."""
    from services.reporting.commands import check, facts
    from shared.database import Database

    if every:
        _tell_all(tables=tables)
        return

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


def _tell_all(*, tables: bool) -> None:
    from deploy.digests import digest_of, held

    for service in services_here():
        found = asyncio.run(held(database_url(service)))
        for one in found if tables else ():
            typer.echo(f"{service}.{one.table}  {one.rows:,} rows  {one.sum}")
        typer.echo(f"{service}  {digest_of(found)}")


@app.command()
def check(
    *,
    mend: Annotated[bool, typer.Option("--mend", help="Put right what is found")] = False,
    facts: Annotated[bool, typer.Option("--facts", help="Only the facts against the log")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Only what was computed against the facts")] = False,
) -> None:
    """Hold the facts of each service against the log, and what was computed against the facts; exit code 1 where
    they differ."""
    wrong = False
    if facts or not steps:
        for service in services_here():
            wrong |= _facts_differ(service, mend=mend)
    if (steps or not facts) and "reporting" in services_here():
        wrong |= _steps_differ(mend=mend)
    if wrong:
        raise typer.Exit(1)


def _facts_differ(service: "ServiceName", *, mend: bool) -> bool:
    """Say where facts are not those of the log; whether any are."""
    from deploy import facts_of_log as facts
    from shared.bus import HandlerContext
    from shared.clock import clock_for
    from shared.database import Database
    from shared.telemetry import Metrics

    settings, this = settings_of(service), facts.watched(service)

    async def compare() -> tuple[facts.Compared, list[str]]:
        db = Database(settings.database_url, pool_size=2, application_name="hadir.check")
        try:
            context = HandlerContext(settings, db, clock_for(settings.state_dir, settings.clock), Metrics(service))
            with progress_bar() as bar:
                found = await facts.compare(this, context, shows(bar, f"{service}: events"))
            return found, await facts.mend(context, this, found.differs) if mend else []
        finally:
            await db.close()

    found, topics = asyncio.run(compare())
    _tell([f"{service}: {one}" for one in found.differs])
    typer.echo(
        f"{service}: {found.rows:,} facts of {found.records:,} records, "
        f"{len(found.differs)} are not those of the log"
    )
    if found.behind:
        typer.echo(
            f"hadir: {service} is {found.behind:,} records behind: see `hadir lag`, then check again", err=True
        )
    if topics:
        typer.echo(
            f"{service} reads again, and joins what is missing: {', '.join(topics)}; check once more in a moment"
        )
    elif found.differs:
        unknown = [one for one in found.differs if one.how == "unknown to the log"]
        if len(unknown) < len(found.differs):
            typer.echo("hadir: put them right with `hadir check --mend`", err=True)
        if unknown:
            goes = "goes by `hadir rebuild`" if service == "reporting" else "stays, until you know why"
            typer.echo(f"hadir: what the log does not know {goes} (docs/runbook.md, Is it right)", err=True)
    return bool(found.differs)


def _steps_differ(*, mend: bool) -> bool:
    """Say where what was computed does not follow from the facts; whether anything still does not."""
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
    return bool(left)


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
