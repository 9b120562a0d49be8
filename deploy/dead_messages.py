"""`hadir messages dead`: messages that could not leave the house, and what to do with them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import typer

from deploy.addresses import settings_of
from deploy.deciding import By, Really, Why

if TYPE_CHECKING:
    import datetime as dt

    from services.notifications.store.dead import Chosen, Letter
    from shared.access import Principal
    from shared.database import Tx

app = typer.Typer(help="Messages that leave the house.", no_args_is_help=True, rich_markup_mode=None)
dead = typer.Typer(help="Those that could not.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(dead, name="dead")

Result = TypeVar("Result")

Ids = Annotated[list[UUID] | None, typer.Argument(help="delivery_ids, as `list` shows them; none: all that match")]
OfWay = Annotated[str | None, typer.Option("--way", help="email, push, webhook or gateway")]
OfKind = Annotated[str | None, typer.Option("--kind", help="A kind of message, such as counter.short")]
OfError = Annotated[str | None, typer.Option("--error", help="How their error begins, such as unknown")]


@dead.command("list")
def list_(
    way: OfWay = None,
    kind: OfKind = None,
    error: OfError = None,
    limit: Annotated[int, typer.Option(help="So many, the newest first", min=1, max=10_000)] = 100,
) -> None:
    """The newest dead letters: why, since when, after how many tries. No address, no text."""
    found = _found(_chosen(None, way, kind, error), limit)
    for one in found:
        typer.echo(_line(one))
    if not found:
        typer.echo("no dead letters", err=True)


@dead.command()
def show(delivery_id: UUID) -> None:
    """One dead letter."""
    for one in _found(_chosen([delivery_id], None, None, None), 1):
        for name, value in one._asdict().items():
            typer.echo(f"{name}: {value}")
        return
    typer.echo(f"hadir: {delivery_id} is no dead letter; find its id with: hadir messages dead list", err=True)
    raise typer.Exit(1)


@dead.command()
def replay(
    ids: Ids = None,
    *,
    officer: By,
    reason: Why,
    way: OfWay = None,
    kind: OfKind = None,
    error: OfError = None,
    yes: Really = False,
) -> None:
    """Hand them over again. Who has one already, on another of their addresses, does not get it twice."""
    from services.notifications.commands import dead

    _change("handed over again", dead.replay, officer, reason, _chosen(ids, way, kind, error), yes=yes)


@dead.command()
def drop(
    ids: Ids = None,
    *,
    officer: By,
    reason: Why,
    way: OfWay = None,
    kind: OfKind = None,
    error: OfError = None,
    yes: Really = False,
) -> None:
    """Let them go for good. Their messages stay in the inboxes."""
    from services.notifications.commands import dead

    _change("dropped", dead.drop, officer, reason, _chosen(ids, way, kind, error), yes=yes)


def _chosen(ids: list[UUID] | None, way: str | None, kind: str | None, error: str | None) -> "Chosen":
    from services.notifications.domain.kinds import KINDS, WAYS
    from services.notifications.store.dead import Chosen

    if way is not None and way not in WAYS:
        raise typer.BadParameter(f"there is no way {way}. Ways: {', '.join(WAYS)}", param_hint="--way")
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"there is no kind {kind}. Kinds: {', '.join(KINDS)}", param_hint="--kind")
    return Chosen(ids or None, way, kind, error)


def _found(chosen: "Chosen", limit: int) -> "list[Letter]":
    from services.notifications.store import dead

    async def read(tx: "Tx") -> "list[Letter]":
        return await dead.dead(tx, chosen, limit=limit)

    return _asked(read)


def _change(
    done: str,
    change: "Callable[[Tx, Principal, Chosen, str, dt.datetime], Awaitable[int]]",
    officer: UUID,
    reason: str,
    chosen: "Chosen",
    *,
    yes: bool,
) -> None:
    from services.notifications.store import dead
    from shared.access import Principal
    from shared.clock import clock_for

    settings = settings_of("notifications")
    now = clock_for(settings.state_dir, settings.clock).now()
    who = Principal(officer, "bkpsdm", None, 0)

    async def work(tx: "Tx") -> str | None:
        found = await dead.count(tx, chosen)
        if not found:
            return None
        if not yes:
            ways = ", ".join(f"{count} by {way}" for way, count in found.items())
            return f"{ways} would be {done}; say --yes to do it"
        return f"{await change(tx, who, chosen, reason, now)} {done}"

    if (said := _asked(work)) is None:
        typer.echo("hadir: no dead letter is meant by that; see them with: hadir messages dead list", err=True)
        raise typer.Exit(1)
    typer.echo(said)


def _asked(work: "Callable[[Tx], Awaitable[Result]]") -> Result:
    from shared.database import Database

    async def ask() -> Result:
        db = Database(settings_of("notifications").database_url, pool_size=2, application_name="hadir.messages")
        try:
            async with db.transaction() as tx:
                return await work(tx)
        finally:
            await db.close()

    return asyncio.run(ask())


def _line(one: "Letter") -> str:
    since = one.ended_at.isoformat(timespec="seconds")
    return f"{one.delivery_id}  {since}  {one.way}  {one.kind}  {one.attempts} tries  {one.error or ''}"
