"""`hadir`: run the whole system on this machine, and look after it."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast, get_args
from uuid import UUID

import typer

from deploy import backups, behind, dead_messages, dlq, packs, projections, repair, subscribers
from deploy import log as log_commands
from deploy.addresses import database_url, kafka, signing_key
from deploy.local.manifest import some
from deploy.local.state import NotRunning, State, write_private
from shared.auth import MOST_TTL_S
from shared.events.base import SERVICES, ServiceName
from shared.settings import SettingsError, load

if TYPE_CHECKING:
    from demo.place import Place

Result = TypeVar("Result")

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.add_typer(projections.app)
app.add_typer(behind.app)
app.add_typer(backups.app)
app.add_typer(repair.app, name="repair")
app.add_typer(log_commands.app, name="log")
app.add_typer(packs.app, name="pack")
app.add_typer(dead_messages.app, name="messages")
app.add_typer(subscribers.app, name="subscriber")
app.add_typer(dlq.app, name="dlq")


def main() -> None:
    """The command's entry: what is known to go wrong becomes one line that says what to do, and exit code 1."""
    # A shell starts what it puts into the background with SIGINT ignored; we stop by it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what fails is said once, below
    try:
        app()
    except KeyboardInterrupt as error:
        raise SystemExit(130) from error
    except Exception as error:
        advice = _advice(error)
        if advice is None:
            raise
        typer.echo(f"hadir: {advice}", err=True)
        raise SystemExit(1) from error


def _advice(error: Exception) -> str | None:
    """What to say of an error that has its cause around us; None of one that is a fault of ours."""
    from socket import gaierror

    import asyncpg
    from aiokafka.errors import KafkaError
    from sqlalchemy.exc import DBAPIError

    from deploy.links import LinkFailed
    from deploy.local.backup_folder import BackupRefused
    from deploy.local.processes import StartFailed
    from deploy.local.state import AlreadyRunning, Unusable
    from deploy.local.tools import Missing
    from deploy.local.topics import TopicsFailed
    from deploy.log_export import NoExport
    from deploy.log_load import NotEmpty
    from services.reporting.commands.check import NotOfTheFacts, StillWaiting
    from services.reporting.commands.rebuild import RebuildRunning
    from shared.clock import BrokenAnchor
    from shared.signing import Unproven

    told = (
        StartFailed,
        AlreadyRunning,
        NotRunning,
        Unusable,
        Missing,
        TopicsFailed,
        SettingsError,
        packs.PackRefused,
        NoExport,
        NotEmpty,
        BackupRefused,
        Unproven,
    )
    if isinstance(error, (*told, BrokenAnchor, LinkFailed, RebuildRunning, StillWaiting, NotOfTheFacts)):
        return str(error)
    if isinstance(error, KafkaError):
        return f"Kafka does not answer as it should: {_line(error)}: see that it runs, then try again"
    if isinstance(error, DBAPIError):
        error = error.orig if isinstance(error.orig, Exception) else error
    # In this order: a refused connection to PostgreSQL is an OSError like any other.
    if isinstance(
        error,
        asyncpg.PostgresError | asyncpg.InterfaceError | DBAPIError | ConnectionError | TimeoutError | gaierror,
    ):
        return f"PostgreSQL does not answer as it should: {_line(error)}: see that it runs, then try again"
    if isinstance(error, OSError):
        return f"{_line(error)}: mend that, then try again"
    return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@app.command()
def up(
    *,
    port: Annotated[int, typer.Option(envvar="HADIR_PORT", help="HTTP port; 0: a free one", min=0, max=65535)] = 0,
    host: Annotated[str, typer.Option(envvar="HADIR_HOST", help="Address to listen on")] = "127.0.0.1",
    kafka_port: Annotated[
        int, typer.Option(envvar="HADIR_KAFKA_PORT", help="0: a free one", min=0, max=65535)
    ] = 0,
    postgres_port: Annotated[
        int, typer.Option(envvar="HADIR_POSTGRES_PORT", help="0: a free one", min=0, max=65535)
    ] = 0,
    processes: Annotated[bool, typer.Option("--processes", help="One process for each service")] = False,
    workers: Annotated[int, typer.Option(help="With --processes: so many of attendance", min=1, max=64)] = 1,
    json_: Annotated[bool, typer.Option("--json", help="Say where it is, as one line of JSON")] = False,
) -> None:
    """Start Kafka, PostgreSQL and the four services; run until Ctrl-C. State: HADIR_STATE_DIR, default .hadir/."""
    from deploy.local.system import Options, check_environment, run_forever

    _check_workers(workers, processes)
    options = Options(host, port, kafka_port, postgres_port, processes=processes, workers=workers, json=json_)
    check_environment(os.environ)
    run_forever(State.from_environment(), options)


@app.command()
def token(
    role: Annotated[str, typer.Option(help="staff, supervisor, opd_admin, bkpsdm, council, auditor or ops")],
    employee: Annotated[UUID | None, typer.Option(help="employee_id of the person who calls")] = None,
    opd: Annotated[str | None, typer.Option(help="opd_code, for an opd_admin")] = None,
    ttl: Annotated[int, typer.Option(help="Seconds until it expires, at most 30 days", min=1, max=MOST_TTL_S)] = 12
    * 3600,
) -> None:
    """Print a token for the local system. One without --employee only reads: every change is made in a name."""
    signed = _signed(State.from_environment(), role, employee, opd, ttl)
    if employee is None:
        typer.echo("hadir: this token only reads; to change something, name a person with --employee", err=True)
    typer.echo(signed)


@app.command()
def link(
    role: Annotated[str, typer.Option(help="staff, supervisor, opd_admin, bkpsdm, council, auditor or ops")],
    employee: Annotated[UUID | None, typer.Option(help="employee_id of the person who looks on")] = None,
    opd: Annotated[str | None, typer.Option(help="opd_code, for an opd_admin")] = None,
) -> None:
    """Print a link that signs a browser in to the local system, once, within ten minutes.

    Staff and supervisors (with --employee) come to their own day, everyone else to the board.
    """
    from deploy.links import sign_in_link

    state = State.from_environment()
    typer.echo(sign_in_link(state.running().http, _signed(state, role, employee, opd)))


@app.command()
def topics() -> None:
    """List the topics of the contract, with the number of records of each when a cluster is reachable."""
    from deploy.tail import counts
    from shared.events import TOPICS

    client = _kafka_or_none()
    records = _run(counts(client, list(TOPICS))) if client else {}
    for topic in TOPICS.values():
        kept = "latest of each key" if "compact" in topic.config["cleanup.policy"] else "all"
        count = f"{records[topic.name]:>10,}" if topic.name in records else ""
        typer.echo(
            f"{topic.name:<25} {topic.owner:<14} key={topic.key:<13} partitions={topic.partitions} "
            f"{topic.audience:<11} keeps {kept:<18} {count}".rstrip()
        )


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="As `hadir topics` lists it; its dead letters: with .dead")],
    from_start: Annotated[bool, typer.Option("--from-start", help="From the oldest record")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many records")] = None,
    heartbeats: Annotated[
        bool, typer.Option("--heartbeats", help="With the heartbeats of the directory, which tell of nobody")
    ] = False,
) -> None:
    """Print each record of a topic as one line of JSON, until Ctrl-C."""
    from deploy.local.topics import wanted
    from deploy.tail import records

    known = [t.name for t in wanted()]
    if topic not in known:
        raise typer.BadParameter(f"there is no topic {topic}. Topics: {', '.join(known)}", param_hint="TOPIC")
    client = kafka()

    async def follow() -> None:
        async for line in records(client, topic, from_start=from_start, limit=limit, heartbeats=heartbeats):
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    _run(follow())


@app.command("create-topics")
def create_topics_(
    replication: Annotated[
        int, typer.Option(envvar="HADIR_KAFKA_REPLICATION", help="Copies of each partition of a new topic", min=1)
    ] = 1,
    min_insync: Annotated[
        int | None,
        typer.Option(
            envvar="HADIR_KAFKA_MIN_INSYNC", help="min.insync.replicas; without it what is set stays", min=1
        ),
    ] = None,
) -> None:
    """Make the topics of the contract where they are missing, and set what the contract says of the others.

    Whatever else an operator has set on a topic stays. What was changed is said.
    """
    from deploy.local.topics import create_topics

    client = kafka()
    bootstrap = str(client.pop("bootstrap_servers"))
    made = _run(
        create_topics(bootstrap, replication=replication, min_insync=min_insync, tell=typer.echo, **client)
    )
    typer.echo("made: " + (", ".join(made) or "nothing, all were there"))


@app.command()
def migrate(service: Annotated[str | None, typer.Argument(help="One service; default: all")] = None) -> None:
    """Bring the databases to the newest version of their tables."""
    from deploy.local.hosted import migrations_of
    from shared.database import migrate as run_migrations

    chosen = (_service(service),) if service else SERVICES
    for name in chosen:
        run_migrations(database_url(name), migrations_of(name))
        typer.echo(f"{name}: up to date")


@app.command("check-config")
def check_config(service: Annotated[str, typer.Argument(help=", ".join(SERVICES))]) -> None:
    """Say whether a service could start with this environment: every error, with the variable to set."""
    from services.notifications.channels.gateway import gateways_of
    from shared.auth import Authenticator, TokenError, session_key
    from shared.message_key import MessageKey
    from shared.signing import key_file

    settings = load(_service(service))
    if not settings.token_public_key_file.is_file():
        name = settings.token_public_key_file
        raise SettingsError(
            f"HADIR_TOKEN_PUBLIC_KEY_FILE: {name} is not there; put the public key's PEM file there"
        )
    try:
        session_key(settings.token_private_key_file, Authenticator.from_file(settings.token_public_key_file))
    except TokenError as error:
        raise SettingsError(f"HADIR_TOKEN_PRIVATE_KEY_FILE: {error}") from error
    signing = {
        "HADIR_RECEIPT_KEY_FILE": settings.receipt_key_file,
        "HADIR_PROOF_KEY_FILE": settings.proof_key_file,
    }
    for variable, file in signing.items():
        try:
            if file is not None:
                key_file(file)
        except TokenError as error:
            raise SettingsError(f"{variable}: {error}") from error
    if settings.message_key_file is not None:
        try:
            MessageKey.from_file(settings.message_key_file)
        except TokenError as error:
            raise SettingsError(f"HADIR_MESSAGE_KEY_FILE: {error}") from error
    if settings.gateways_file is not None:
        gateways_of(settings.gateways_file)
    typer.echo(f"{settings.service}: the configuration is complete")


receipts = typer.Typer(help="Receipts of check-ins.", no_args_is_help=True)
app.add_typer(receipts, name="receipt")


@receipts.callback()
def _receipts() -> None:
    """Receipts of check-ins."""


@receipts.command("verify")
def verify_receipt(
    file: Annotated[
        Path, typer.Argument(help="A receipt, as attendance answered it", exists=True, dir_okay=False)
    ],
    keys: Annotated[
        Path | None,
        typer.Option(help="/attendance/v1/receipt-keys; default: those of the key here", exists=True),
    ] = None,
) -> None:
    """Say whether a receipt is as it was signed, without any network. Ends with 1 if it is not, and says why."""
    from shared.receipts import DOOR, ReceiptKeys, verify
    from shared.signing import Unproven

    if keys is not None:
        jwks = keys.read_text()
    else:
        own = State.from_environment().receipt_key
        file_of_key = signing_key("HADIR_RECEIPT_KEY_FILE", own, DOOR)
        jwks = json.dumps({"keys": ReceiptKeys.from_file(file_of_key).jwks()})
    try:
        said = verify(file.read_text(), jwks)
    except (Unproven, UnicodeDecodeError) as error:
        typer.echo(f"hadir: not proven: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo("\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in said.items()))
    typer.echo("proven: signed by a key of attendance, and not altered since")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def demo(context: typer.Context) -> None:
    """Play a working day of the city into the running system, or a pilot. Its options: hadir demo --help."""
    from demo import entry

    raise typer.Exit(entry.main(context.args, demo_place(State.from_environment())))


@app.command()
def erase() -> None:
    """Remove what the local system made in its state directory, with all its data."""
    state = State.from_environment()
    left = state.erase()
    if left:
        names = some([path.name for path in left])
        typer.echo(f"hadir: erased; {state.root} stays, for {names} in it was not made by hadir", err=True)


@app.command("upgrade-postgres")
def upgrade_postgres() -> None:
    """Move the data of the stopped local system to the newest PostgreSQL that is here; the old ones are kept."""
    from deploy.local.upgrade import upgrade

    if os.environ.get("HADIR_POSTGRES_URL"):
        raise SettingsError("HADIR_POSTGRES_URL: that server is yours; upgrade it by its own means")
    state = State.from_environment()
    kept = _run(upgrade(state))
    say = f"done; the old data are kept in {kept}: remove them when all is well" if kept else "nothing to upgrade"
    typer.echo(say)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option("--once", help="Stop after the day, with its exit code")] = False,
    processes: Annotated[bool, typer.Option("--processes", help="One process for each service")] = False,
    workers: Annotated[int, typer.Option(help="With --processes: so many of attendance", min=1, max=64)] = 1,
) -> None:
    """Start the system and play a working day into it; stay up until Ctrl-C. More options: those of hadir demo."""
    from demo import entry
    from deploy.run import run as run_day

    if code := entry.refused(context.args, demo_place(State.from_environment())):
        raise typer.Exit(code)
    _check_workers(workers, processes)
    options = ["--processes", "--workers", str(workers)] if processes else []
    raise typer.Exit(run_day(context.args, options, once=once))


def _check_workers(workers: int, processes: bool) -> None:
    if workers > 1 and not processes:
        raise typer.BadParameter(
            "several processes of one service need --processes beside it", param_hint="--workers"
        )


def demo_place(state: State) -> "Place":
    """This state directory, as the demonstration is told of it."""
    from demo.place import Addresses, CannotStart, Place

    def addresses() -> Addresses:
        try:
            running = state.running()
        except NotRunning as error:
            raise CannotStart(str(error)) from error
        return Addresses(running.http, running.kafka)

    return Place(state.root, state.private_key, addresses, write_private)


def _signed(state: State, role: str, employee: UUID | None, opd: str | None, ttl_s: int = 12 * 3600) -> str:
    """A token for this system. Raises NotRunning where there is no key to sign with, SettingsError for no key."""
    from shared.auth import ROLES, load_private_key, sign

    if role not in ROLES:
        raise typer.BadParameter(f"{role!r} is not one of {', '.join(ROLES)}", param_hint="--role")
    if role == "opd_admin" and not opd:
        raise typer.BadParameter("an opd_admin acts in one OPD: name it, such as --opd 4.01", param_hint="--opd")
    if not state.private_key.exists():
        raise NotRunning(f"there is no key in {state.root}: `hadir up` makes it at its first start")
    try:
        key = load_private_key(state.private_key)
    except ValueError as error:
        raise SettingsError(
            f"{state.private_key} is no private key in PEM: remove it, and `hadir up` makes a new one"
        ) from error
    return sign(key, role=role, subject=employee, opd=opd, ttl_s=ttl_s)


def _service(name: str) -> ServiceName:
    if name not in get_args(ServiceName):
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(SERVICES)}", param_hint="SERVICE")
    return cast("ServiceName", name)


def _kafka_or_none() -> dict[str, Any] | None:
    try:
        return kafka()
    except NotRunning:
        return None


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)
