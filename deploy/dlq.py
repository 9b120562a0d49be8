"""`hadir dlq`: records that a service refused, what may be told of them, and what to do with them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import typer

from deploy.addresses import groups_here, services_here, settings_of
from deploy.deciding import By, Really, Why
from deploy.instants import instant

if TYPE_CHECKING:
    from shared.access import Principal
    from shared.events.base import ServiceName
    from shared.handling import HandlerContext
    from shared.replay import Replayed
    from shared.set_aside import Chosen, Letter

app = typer.Typer(
    help="Records that a service refused (docs/runbook.md#deadletters).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Result = TypeVar("Result")

Places = Annotated[
    list[str] | None, typer.Argument(help="topic/partition/offset, as `list` shows them; none: all that match")
]
OfTopic = Annotated[str | None, typer.Option("--topic", help="The topic that they stand in")]
OfGroup = Annotated[str | None, typer.Option("--group", help="Who refused them, such as reporting.facts")]
OfError = Annotated[
    str | None, typer.Option("--error", help="How what they were refused for begins, such as schema")
]
OfKey = Annotated[str | None, typer.Option("--key", help="The records' key")]
Since = Annotated[str | None, typer.Option("--since", help="Set aside at this time or later, with offset")]
Until = Annotated[str | None, typer.Option("--until", help="Set aside before this time, with offset")]


@app.command("list")
def list_(
    *,
    topic: OfTopic = None,
    group: OfGroup = None,
    error: OfError = None,
    key: OfKey = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="So many of each service, the newest first", min=1, max=10_000)] = 100,
) -> None:
    """The newest that wait for somebody: since when, who refused which, for what. Nothing of what is in them."""
    wanted = _chosen(None, topic=topic, group=group, error=error, since=since, until=until)
    count = 0
    for letters in _each(lambda _, context: _found(context, wanted, key, limit)):
        for letter in letters:
            typer.echo(_line(letter))
        count += len(letters)
    if not count:
        narrowed = any((topic, group, error, key, since, until))
        typer.echo(f"no dead letter{' that waits is meant by that' if narrowed else 's'}", err=True)


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="topic/partition/offset, as `list` shows it")], group: OfGroup = None
) -> None:
    """What may be told of one: names, kinds and lengths, whether this version reads it; no value."""
    from deploy.redacted import lines_of

    wanted = _chosen([place], topic=None, group=group)

    async def look(_: "ServiceName", context: "HandlerContext") -> list[str]:
        from shared import replay
        from shared.bus import client_arguments

        letters = await replay.chosen(context, wanted)
        records = await replay.records_of(letters, replay.opener(client_arguments(context.settings)))
        lines: list[str] = []
        for letter in letters:
            record = records.get(letter.place)
            lines += [_line(letter)]
            lines += (
                ["  it stands there no more: a newer one of its key, or its term, took it away"]
                if record is None
                else [f"  {line}" for line in lines_of(record, frozenset(context.settings.trusted_sources))]
            )
        return lines

    lines = [line for some in _each(look) for line in some]
    typer.echo("\n".join(lines)) if lines else _none(f"{place} is no dead letter that waits")


@app.command()
def replay(
    places: Places = None,
    *,
    officer: By,
    reason: Why,
    topic: OfTopic = None,
    group: OfGroup = None,
    error: OfError = None,
    key: OfKey = None,
    since: Since = None,
    until: Until = None,
    yes: Really = False,
) -> None:
    """Have them read again, from their place in the log, by who refused them. Nothing is written to Kafka."""
    wanted = _chosen(places, topic=topic, group=group, error=error, since=since, until=until)
    who = _who(officer)

    async def again(name: "ServiceName", context: "HandlerContext") -> "Replayed | int":
        from deploy.kafka.access import declared
        from shared import replay
        from shared.bus import client_arguments

        letters = await _found(context, wanted, key, None)
        if not yes:
            return len(letters)
        opened = replay.opener(client_arguments(context.settings))
        return await replay.replay(declared(name).declarations, context, letters, opened, who=who, reason=reason)

    done = refused = would = 0
    for outcome in _each(again):
        if isinstance(outcome, int):
            would += outcome
            continue
        done += len(outcome.done)
        for letter, why in outcome.refused.items():
            refused += 1
            typer.echo(f"refused again: {letter.group}  {letter.place}  {why}")
    if would:
        typer.echo(f"{would} would be read again; say --yes to do it")
    elif not done and not refused:
        _none("no dead letter that waits is meant by that")
    else:
        typer.echo(f"{done} read again and taken in, {refused} refused again")
        if refused:
            typer.echo("hadir: what is refused again waits on: mend its reader, or drop it", err=True)
            raise typer.Exit(1)


@app.command()
def drop(
    places: Places = None,
    *,
    officer: By,
    reason: Why,
    topic: OfTopic = None,
    group: OfGroup = None,
    error: OfError = None,
    key: OfKey = None,
    since: Since = None,
    until: Until = None,
    yes: Really = False,
) -> None:
    """Let them go: nobody is called for them any more. The records stay in the log."""
    wanted = _chosen(places, topic=topic, group=group, error=error, since=since, until=until)
    who = _who(officer)

    async def go(_: "ServiceName", context: "HandlerContext") -> int:
        from shared import replay

        letters = await _found(context, wanted, key, None)
        return await replay.drop(context, letters, who=who, reason=reason) if yes else len(letters)

    count = sum(_each(go))
    if not count:
        _none("no dead letter that waits is meant by that")
    typer.echo(f"{count} dropped" if yes else f"{count} would be dropped; say --yes to do it")


def _none(what: str) -> None:
    typer.echo(f"hadir: {what}; see them with: hadir dlq list", err=True)
    raise typer.Exit(1)


def _who(officer: UUID) -> "Principal":
    from shared.access import Principal

    return Principal(officer, "ops", None, 0)


def _chosen(
    places: list[str] | None,
    *,
    topic: str | None,
    group: str | None,
    error: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> "Chosen":
    from shared.events import TOPICS
    from shared.set_aside import Chosen, Place

    if topic is not None and topic not in TOPICS:
        raise typer.BadParameter(f"there is no topic {topic}. Topics: {', '.join(TOPICS)}", param_hint="--topic")
    if group is not None and group not in (groups := groups_here()):
        raise typer.BadParameter(
            f"there is no consumer {group} here. Consumers: {', '.join(groups)}", param_hint="--group"
        )
    try:
        wanted = [Place.of(place) for place in places or ()]
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="PLACES") from wrong
    return Chosen(wanted or None, topic, group, error, instant(since, "--since"), instant(until, "--until"))


async def _found(
    context: "HandlerContext", wanted: "Chosen", key: str | None, limit: int | None
) -> "list[Letter]":
    from shared import replay
    from shared.bus import client_arguments

    if key is None:
        return await replay.chosen(context, wanted, limit)
    letters = await replay.chosen(context, wanted)
    records = await replay.records_of(letters, replay.opener(client_arguments(context.settings)))
    return [one for one in letters if one.place in records and records[one.place].key == key.encode()][:limit]


def _each(work: "Callable[[ServiceName, HandlerContext], Awaitable[Result]]") -> list[Result]:
    """Do it in each service that can be reached from here."""

    async def every() -> list[Result]:
        results: list[Result] = []
        for name in services_here():
            async with _context_of(name) as context:
                results.append(await work(name, context))
        return results

    return asyncio.run(every())


@asynccontextmanager
async def _context_of(service: "ServiceName") -> "AsyncGenerator[HandlerContext]":
    from shared.bus import HandlerContext
    from shared.clock import clock_for
    from shared.database import Database
    from shared.telemetry import Metrics

    settings = settings_of(service)
    db = Database(settings.database_url, pool_size=2, application_name="hadir.dlq")
    try:
        yield HandlerContext(settings, db, clock_for(settings.state_dir, settings.clock), Metrics(service))
    finally:
        await db.close()


def _line(letter: "Letter") -> str:
    since = letter.set_aside_at.astimezone().isoformat(timespec="seconds")
    return f"{letter.place}  {since}  {letter.group}  {letter.error}"
