"""`hadir pack`: one period's figures as a signed pack of documents and tables, made and verified."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from deploy.addresses import proof_keys, settings_of
from deploy.progress import progress_bar, shows
from shared.events.base import read_date, read_instant

app = typer.Typer(help="The council's pack of a period.", invoke_without_command=True)


class PackRefused(Exception):
    """A pack that cannot be made as it was asked for; the text says what to give instead."""


@app.callback()
def make(
    context: typer.Context,
    first: Annotated[str, typer.Option("--from", help="First work date, such as 2025-11-01")] = "",
    last: Annotated[str, typer.Option("--to", help="Last work date")] = "",
    as_of: Annotated[str, typer.Option("--as-of", help="Instant with an offset; default: now")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="A folder, new or empty", file_okay=False)] = None,
) -> None:
    """Make the pack of a period into a folder: documents (HTML, PDF), tables (CSV), a manifest that signs all.

    The same period, --as-of and facts give the same bytes.
    """
    if context.invoked_subcommand is not None:
        return
    if not first or not last or out is None:
        raise typer.BadParameter("say which period and where to: --from DATE --to DATE --out FOLDER")
    if out.exists() and any(out.iterdir()):
        raise PackRefused(f"{out} is not empty: name a folder that is new, or empty")
    pack_id, files = asyncio.run(_make(_date(first, "--from"), _date(last, "--to"), _instant(as_of)))
    out.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (out / name).write_bytes(body)
    typer.echo(f"{len(files)} files in {out}", err=True)
    typer.echo(pack_id)


def _date(text: str, option: str) -> dt.date:
    try:
        return read_date(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date such as 2025-11-01", param_hint=option) from error


def _instant(text: str) -> dt.datetime | None:
    if not text:
        return None
    try:
        # As a door reads it: the same instant is the same pack, in whatever zone it is written.
        return read_instant(text).astimezone(dt.UTC)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no instant such as 2025-12-01T08:00:00+07:00", param_hint="--as-of"
        ) from error


async def _make(first: dt.date, last: dt.date, as_of: dt.datetime | None) -> tuple[str, dict[str, bytes]]:
    from services.reporting.commands import packs
    from services.reporting.domain.periods import Period, mistakes
    from services.reporting.views import periods
    from shared.clock import clock_for
    from shared.database import Database
    from shared.dates import local_date
    from shared.messages import text
    from shared.proof_keys import ProofKeys
    from shared.query import not_ahead
    from shared.refusals import Invalid

    settings = settings_of("reporting")
    if settings.proof_key_file is None:
        raise PackRefused("HADIR_PROOF_KEY_FILE: packs are signed; name the file of the key")
    keys = ProofKeys.from_file(settings.proof_key_file)
    now = clock_for(settings.state_dir, settings.clock).now()
    db = Database(settings.database_url, pool_size=2, application_name="hadir.pack")
    try:
        try:
            instant = not_ahead(as_of, now) if as_of else now
        except Invalid as error:
            raise PackRefused("--as-of lies in the future: give an instant that has passed") from error
        period = Period(first, last)
        async with db.read() as tx:
            known = await periods.first_date(tx)
        for wrong in mistakes(period, local_date(instant), known):
            raise PackRefused(f"--{wrong.field}: {text(wrong.code, 'en', **wrong.params)}")
        with progress_bar() as bar:
            pack = await packs.make(db, keys, period, instant, shows(bar, "dates"))
    finally:
        await db.close()
    return pack.manifest.pack_id, pack.everything()


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A pack's folder", exists=True, file_okay=False)],
    keys: Annotated[
        Path | None,
        typer.Option(help="/reporting/v1/proof-keys; default: those of the key here", exists=True),
    ] = None,
) -> None:
    """Say whether a pack is as it was signed, without any network. Ends with 1 if not, and names what differs."""
    from services.reporting.views.packs.manifest import NAME, differences
    from shared.signing import Unproven

    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    manifest = files.pop(NAME, None)
    if manifest is None:
        found = [f"{NAME}: missing"]
    else:
        try:
            public = proof_keys(keys)
        except (Unproven, UnicodeDecodeError) as error:
            raise PackRefused(f"--keys: {error}") from error
        found = differences(manifest, files, public)
    for line in found:
        typer.echo(f"hadir: {line}", err=True)
    if found:
        raise typer.Exit(1)
    typer.echo(f"proven: {len(files)} files as they were signed")
