"""`hadir subscriber`: which other systems read Kafka, and what; kept in one file, which the cluster follows."""

import datetime as dt
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from deploy.deciding import Really

if TYPE_CHECKING:
    from deploy.kafka.subscribers import Subscribers
    from deploy.kafka.users import Cluster

FILE = "HADIR_SUBSCRIBERS_FILE"
LOCAL = (
    "HADIR_KAFKA_BOOTSTRAP is not set. A local system (`hadir up`) has no users: whoever is on this machine reads "
    "everything. For a cluster that asks for passwords: docs/runbook.md#let-another-system-subscribe"
)

app = typer.Typer(help="Other systems that read Kafka.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The system's user; its groups are named NAME.…")]
ForAudience = Annotated[str | None, typer.Option("--audience", help="public, internal or restricted")]
OfTopics = Annotated[str | None, typer.Option("--topics", help="These instead, with commas")]
Note = Annotated[str, typer.Option("--note", help="What it is, and whom to ask; it stands in the file")]


@app.command()
def add(
    name: Name, *, audience: ForAudience = None, topics: OfTopics = None, note: Note = "", yes: Really = False
) -> None:
    """A new one. Its password is said once and kept nowhere."""

    def change(subscribers: "Subscribers") -> None:
        if name in subscribers.all:
            _refuse(f"{name} is a subscriber already: `narrow` takes from it; for more, change the file and apply")
        subscribers.put(name, _entry(audience, topics, note, dt.datetime.now().astimezone().date()))

    _change(change, yes=yes)


@app.command("list")
def list_() -> None:
    """Those of the file."""
    with _refusals():
        subscribers = _file()
        for name, one in subscribers.all.items():
            reads = one.audience or f"{len(one.reads())} topics: {', '.join(sorted(one.reads()))}"
            typer.echo(f"{name:<20} since {one.since}  {reads}{f'  ({one.note})' if one.note else ''}")
        if not subscribers.all:
            typer.echo(f"no subscribers in {subscribers.file}", err=True)


@app.command()
def narrow(name: Name, *, audience: ForAudience = None, topics: OfTopics = None, yes: Really = False) -> None:
    """Take topics from one: what is given here is all that is left to it. It takes effect at once."""

    def change(subscribers: "Subscribers") -> None:
        before = subscribers.of(name)
        subscribers.put(name, _entry(audience, topics, before.note, before.since))
        if more := subscribers.of(name).reads() - before.reads():
            _refuse(f"that would give {name} more: {', '.join(sorted(more))}; to do so, change the file and apply")

    _change(change, yes=yes)


@app.command()
def revoke(name: Name, *, yes: Really = False) -> None:
    """Take everything from one, its password too. It reads nothing more, also where it is connected."""
    _change(lambda subscribers: subscribers.remove(name), yes=yes)


@app.command()
def password(name: Name, *, yes: Really = False) -> None:
    """A new password in the place of the old one, said once. Connections that are open stay."""

    def known(subscribers: "Subscribers") -> None:
        subscribers.of(name)

    _change(known, yes=yes, renewed=name)


@app.command()
def apply(*, yes: Really = False) -> None:
    """Make the cluster as the file says: what is missing is given, what is more is taken away."""
    _change(lambda _: None, yes=yes)


def _entry(audience: str | None, topics: str | None, note: str, since: dt.date) -> dict[str, Any]:
    listed = [topic.strip() for topic in topics.split(",")] if topics is not None else None
    given = {"audience": audience, "topics": listed, "note": note or None, "since": since}
    return {field: value for field, value in given.items() if value is not None}


def _change(change: "Callable[[Subscribers], None]", *, yes: bool, renewed: str | None = None) -> None:
    """Change the file and then the cluster; without `yes`, say what would become of the cluster."""
    from deploy.kafka.access import OURS

    with _refusals():
        subscribers = _file()
        new_file = not subscribers.file.exists()
        change(subscribers)
        with _cluster() as cluster:
            difference = cluster.difference(subscribers.all, subscribers.grants(), lambda user: user not in OURS)
            if new_file and (difference.gone or difference.take):
                _refuse(f"{subscribers.file} is not there, but others read already: name their file in {FILE}")
            for line in difference.lines() or ["the cluster is as the file says"]:
                typer.echo(line)
            if not yes:
                typer.echo("nothing was changed: say --yes to do it")
                return
            subscribers.save()
            passwords = {user: secrets.token_urlsafe(24) for user in {*difference.missing, renewed} if user}
            for user, secret in passwords.items():  # before: whatever happens on the way, who reads it can go on
                typer.echo(f"password of {user}, said this once: {secret}")
            cluster.make_so(difference, passwords)


def _file() -> "Subscribers":
    from deploy.kafka.subscribers import Subscribers

    return Subscribers(Path(os.environ.get(FILE) or "subscribers.toml"))


@contextmanager
def _cluster() -> "Generator[Cluster]":
    from deploy.kafka.access import required
    from deploy.kafka.users import connect

    if not os.environ.get("HADIR_KAFKA_BOOTSTRAP"):
        _refuse(LOCAL)
    bootstrap, secret = required(os.environ, ["HADIR_KAFKA_BOOTSTRAP", "HADIR_KAFKA_ADMIN_PASSWORD"])
    tls = os.environ.get("HADIR_KAFKA_SECURITY_PROTOCOL") == "SASL_SSL"
    ca_file = os.environ.get("HADIR_KAFKA_CA_FILE")
    with connect(bootstrap, secret, mechanism="SCRAM-SHA-512", tls=tls, ca_file=ca_file) as cluster:
        yield cluster


def _refuse(why: str) -> NoReturn:
    typer.echo(f"hadir: {why}", err=True)
    raise typer.Exit(1)


@contextmanager
def _refusals() -> Generator[None]:
    from deploy.kafka.subscribers import Unreadable
    from deploy.kafka.users import Refused

    try:
        yield
    except (Unreadable, Refused) as error:
        _refuse(str(error))
