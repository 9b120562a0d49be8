"""`hadir log`: whether the log is what was signed of it, without asking those who keep it."""

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.addresses import kafka, proof_keys
from deploy.instants import instant
from deploy.progress import progress_bar, shows

if TYPE_CHECKING:
    from deploy.logbook import Verified

app = typer.Typer(help="Whether the log is what was signed of it.", no_args_is_help=True, rich_markup_mode=None)

Keys = Annotated[
    Path | None,
    typer.Option(help="/reporting/v1/proof-keys, saved; default: those of the key here", exists=True),
]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Only this topic; may be given again")]


@app.command()
def verify(
    *,
    from_kafka: Annotated[
        bool, typer.Option("--from-kafka", help="Read the records from Kafka (so it is without --export)")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Read them from an export, or a backup's folder `log`, without any network", exists=True
        ),
    ] = None,
    keys: Keys = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(help="Checkpoints that you kept yourself: one signed note, or a saved answer", exists=True),
    ] = None,
    leaves: Annotated[
        Path | None,
        typer.Option(help="An export of before, to name the record that differs", exists=True, dir_okay=False),
    ] = None,
    topics: Topics = None,
) -> None:
    """Compute every tree anew and hold it against its checkpoints. Ends with 1, and names the first record that
    differs, where the log is not what was signed.
    """
    from deploy.log_export import FromExport, kept_elsewhere
    from deploy.logbook import FromKafka, from_database
    from deploy.logbook import verify as hold

    if export is not None and (from_kafka or topics):
        raise typer.BadParameter("an export is read whole, and in place of Kafka", param_hint="--export")
    own = FromExport(export) if export is not None else None
    source = own or FromKafka(kafka(), _known(topics))
    asked = [
        *([own.leaves] if own is not None else []),
        *([FromExport(leaves).leaves] if leaves is not None else []),
        *([from_database] if own is None else []),
    ]
    kept = [one for file in checkpoints or () for one in kept_elsewhere(file)]
    began = time.monotonic()
    public = proof_keys(keys)
    with progress_bar() as shown:
        told = asyncio.run(hold(source, public, kept=kept, leaves=asked, progress=shows(shown, "records")))
    _say(told, time.monotonic() - began)


def _say(told: "Verified", seconds: float) -> None:
    for log, text in told.findings:
        typer.echo(f"{log}: {text}")
    typer.echo(
        f"{told.records:,} records of {told.logs} partitions in {seconds:.1f} s, {told.checkpoints:,} checkpoints"
        f"; {told.records - told.bound:,} records came after the last one of their partition: not bound yet"
    )
    if told.findings:
        typer.echo("hadir: the log is NOT what was signed; see docs/runbook.md, LogDiffers", err=True)
        raise typer.Exit(1)
    if not told.checkpoints:
        typer.echo("hadir: no checkpoint was found: nothing is proven, and nothing disproven", err=True)
        raise typer.Exit(1)
    typer.echo("proven: every checkpoint holds")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Lines of JSON; compressed where the name ends in .gz")],
    topics: Topics = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Every topic, the directory and dead letters too: for a backup")
    ] = False,
) -> None:
    """Write every record that is kept for ever, and the checkpoints, into a file that proves itself."""
    from deploy.local.topics import wanted
    from deploy.log_export import export as write
    from deploy.logbook import FromKafka

    if file.exists():
        raise typer.BadParameter(f"{file} is there already: choose another name", param_hint="FILE")
    source = FromKafka(kafka(), [topic.name for topic in wanted()] if every else _known(topics))
    with progress_bar() as shown:
        written, _ = asyncio.run(write(source, file, shows(shown, "records")))
    typer.echo(f"{written:,} records in {file}")


@app.command()
def load(
    source: Annotated[Path, typer.Argument(help="An export, or a backup's folder `log`", exists=True)],
    before: Annotated[str | None, typer.Option(help="Only what was sent before this instant, with offset")] = None,
    erased: Annotated[
        Path | None,
        typer.Option(help="employee_ids, one on a line: what the directory says of them is left out", exists=True),
    ] = None,
) -> None:
    """Write an export into the empty topics of a new cluster: the same records, partitions, order and times."""
    from deploy.local.topics import wanted
    from deploy.log_load import load as write

    names, without = [topic.name for topic in wanted()], erased.read_text().split() if erased is not None else ()
    first_later = instant(before, "--before")
    before_ms = None if first_later is None else round(first_later.timestamp() * 1000)
    with progress_bar() as shown:
        work = write(
            kafka(), source, names, before_ms=before_ms, without=without, progress=shows(shown, "records")
        )
        written, left_out = asyncio.run(work)
    typer.echo(f"{written:,} records written, {left_out:,} left out")


@app.command("verify-receipt")
def verify_receipt(
    file: Annotated[
        Path, typer.Argument(help="An answer of /reporting/v1/log/proofs, saved", exists=True, dir_okay=False)
    ],
    receipt: Annotated[
        Path | None,
        typer.Option(help="The receipt of attendance that should say the same", exists=True, dir_okay=False),
    ] = None,
    keys: Keys = None,
) -> None:
    """Say whether a record is in the log, by its proof and without any network. Ends with 1 if it is not."""
    from deploy.log_proof import prove, same_punch
    from shared.signing import Unproven

    try:
        proven = prove(file.read_text(), proof_keys(keys))
        differs = same_punch(proven, json.loads(receipt.read_text())) if receipt is not None else []
    except (Unproven, ValueError) as error:
        typer.echo(f"hadir: not proven: {error}", err=True)
        raise typer.Exit(1) from error
    if differs:
        typer.echo(
            f"hadir: not proven: the receipt says otherwise than the record: {', '.join(differs)}", err=True
        )
        raise typer.Exit(1)
    typer.echo(
        "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in proven.value.items())
    )
    typer.echo(
        f"proven: it is record {proven.place} of {proven.log}, "
        f"bound by the checkpoint of {proven.checkpoint.size} records"
    )


def _known(topics: list[str] | None) -> list[str] | None:
    from services.reporting.domain.transparency import under_trees

    names = [topic.name for topic in under_trees()]
    for topic in topics or ():
        if topic not in names:
            raise typer.BadParameter(
                f"{topic} has no tree. Those that have: {', '.join(names)}", param_hint="--topic"
            )
    return topics
