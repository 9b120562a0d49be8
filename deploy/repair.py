"""`hadir repair`: take an event back, or take that back, in the system that runs here."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from deploy.local.state import Running, State

if TYPE_CHECKING:
    import httpx

    from shared.log import Record

app = typer.Typer(help="Put right what a wrong record did.", no_args_is_help=True, rich_markup_mode=None)

CeId = Annotated[UUID, typer.Argument(help="ce_id of the event: `hadir tail`, or event_ids of an explanation")]
Officer = Annotated[UUID | None, typer.Option(help="employee_id of the officer of BKPSDM who proposes")]
Second = Annotated[UUID | None, typer.Option(help="employee_id of the other officer, who approves")]


class Refused(Exception):
    """What went wrong, in one line with the mend."""


@app.command()
def disown(
    ce_id: CeId,
    topic: Annotated[str, typer.Option(help="The topic of the event, as `hadir topics` lists it")],
    reason: Annotated[str, typer.Option(help="A code, such as forged; it is published")],
    officer: Officer = None,
    second: Second = None,
    *,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Also one that the topic does not hold, or not yet")
    ] = False,
) -> None:
    """Say that an event counts as never sent. Two officers must be named."""
    from shared.events import TOPICS, RecordDisowned

    known = [name for name in TOPICS if name != RecordDisowned.topic]
    if topic not in known:
        raise typer.BadParameter(
            f"events of {topic} cannot be disowned. Topics: {', '.join(known)}", param_hint="--topic"
        )

    def work() -> None:
        running, two = State.from_environment().running(), _two(officer, second)
        _show(running, topic, ce_id, unseen=unseen)
        body = {"ce_id": str(ce_id), "topic": topic, "reason": reason}
        _decide(running, two, "/disowned", body)
        typer.echo(f"disowned: {ce_id} on {topic} counts as never sent; every service reads its key again now")
        typer.echo("see it: hadir tail record.disowned.v1 --from-start")
        typer.echo(f"take it back: hadir repair own {ce_id} --officer ID --second ID")

    _in_one_line(work)


@app.command()
def own(
    ce_id: CeId,
    reason: Annotated[str, typer.Option(help="A code, such as mistaken")] = "mistaken",
    officer: Officer = None,
    second: Second = None,
) -> None:
    """Say that a disowned event counts again. Two officers must be named."""

    def work() -> None:
        running, two = State.from_environment().running(), _two(officer, second)
        _decide(running, two, f"/disowned/{ce_id}/revoke", {"reason": reason})
        typer.echo(f"revoked: {ce_id} counts again; every service reads it again now")

    _in_one_line(work)


def _two(officer: UUID | None, second: UUID | None) -> tuple[UUID, UUID]:
    if officer is None or second is None:
        raise Refused("name two officers of BKPSDM: --officer ID proposes, --second ID approves")
    if officer == second:
        raise Refused("--officer and --second are the same person: name another officer in --second")
    return officer, second


def _show(running: Running, topic: str, ce_id: UUID, *, unseen: bool) -> None:
    """Print where the event stands, so that a slip in the id is seen. Raises Refused where it stands nowhere,
    unless that is meant."""
    from shared.log import reading

    async def find() -> "list[Record]":
        wanted = str(ce_id).encode()
        client = {"bootstrap_servers": running.kafka, "client_id": "hadir-cli"}
        found: list[Record] = []
        async with reading(client, [topic]) as log, aclosing(log.upto(await log.ends())) as batches:
            async for batch in batches:
                found += [one for one in batch if (dict(one.headers).get("ce_id") or b"").lower() == wanted]
        return found

    found = asyncio.run(find())
    for one in found:
        key = (one.key or b"").decode(errors="backslashreplace")
        typer.echo(f"found: {topic} partition {one.partition} offset {one.offset}, key {key}")
    if not found and not unseen:
        raise Refused(
            f"{topic} holds no event {ce_id}. Find the id with: hadir tail {topic} --from-start; one that is "
            f"still to come is disowned with --unseen"
        )


def _decide(running: Running, two: tuple[UUID, UUID], path: str, body: dict[str, Any]) -> None:
    """The first officer proposes, the second approves."""
    import httpx

    from shared.auth import load_private_key, sign

    key = load_private_key(State.from_environment().private_key)
    with httpx.Client(base_url=f"{running.http}/scheduling/v1", timeout=60, trust_env=False) as client:

        def call(who: UUID, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
            token = sign(key, role="bkpsdm", subject=who, ttl_s=60)
            answer = client.post(
                path, json=body, headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"}
            )
            if answer.is_error:
                raise Refused(_problem(answer))
            return answer.json()

        first, other = two
        proposal = call(first, path, body)["proposal_id"]
        typer.echo(f"proposed by {first}: proposal {proposal}")
        try:
            call(other, f"/proposals/{proposal}/approve")
        except Refused as error:
            raise Refused(
                f"proposal {proposal} waits, but was not approved: {error} Approve it as another officer with "
                f"POST /scheduling/v1/proposals/{proposal}/approve, or refuse it with .../refuse"
            ) from error
        typer.echo(f"approved by {other}")


def _problem(answer: "httpx.Response") -> str:
    try:
        body = answer.json()
        detail = str(body["detail"])
        fields = [one for one in body.get("errors", []) if one["message"] != detail]
        return " ".join([detail, *(f"{one['field']}: {one['message']}" for one in fields)])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}: {answer.text[:200]}"


def _in_one_line(work: Callable[[], None]) -> None:
    """What is known to go wrong is one line and exit code 1, as everywhere in this command."""
    import httpx
    from aiokafka.errors import KafkaError

    try:
        work()
    except Refused as error:
        typer.echo(f"hadir: {error}", err=True)
        raise typer.Exit(1) from error
    except (httpx.TransportError, KafkaError) as error:
        typer.echo(
            f"hadir: the system does not answer ({type(error).__name__}). See that it runs: hadir up", err=True
        )
        raise typer.Exit(1) from error
