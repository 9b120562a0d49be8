"""What people ask for and a superior decides: one kind of table and one way through, in each service that has it.

open -> granted | refused | withdrawn, once. What is granted takes effect in the transaction of the decision. Each
step is an entry of the audit, and those entries are the trail that asker and decider read.
"""

import datetime as dt
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, JsonValue

from shared import audit
from shared.access import Member, Principal, decider, decides, employee_of, only_opd
from shared.audit import Chosen
from shared.cursors import Limit, Page, cut, read_cursor
from shared.database import Tx
from shared.events.base import FIRST_INSTANT, LAST_INSTANT
from shared.refusals import Conflict, FieldError, Forbidden, Missing, or_missing

State = Literal["open", "granted", "refused", "withdrawn"]
Decision = Literal["granted", "refused"]
Listed = Literal["open", "granted", "refused"]
"""Requests that wait for the caller, or those that the caller has granted or refused."""

MOST_OPEN = 20
"""Requests of one person that wait at a time."""
_MOST_STEPS = 100
_NO_REASON = "-"
"""In the audit, which wants one."""


class Request(BaseModel, frozen=True):
    """A request. `asks` is what is asked for, by its kind; until `review_due` it is a direct superior's alone.

    `evidence_id` names a file that reporting keeps; `answer` is the reason that the decider gave.
    """

    request_id: UUID
    employee_id: UUID
    kind: str
    asks: dict[str, JsonValue]
    reason: str
    evidence_id: str | None
    asked_at: dt.datetime
    review_due: dt.datetime
    state: State
    decided_by: UUID | None
    decided_at: dt.datetime | None
    answer: str | None


class Step(BaseModel, frozen=True):
    """One step of a request: who did what, in which role, when and why."""

    at: dt.datetime
    by: UUID
    role: str | None
    step: Literal["asked", "granted", "refused", "withdrawn"]
    reason: str | None


class RequestWithTrail(Request, frozen=True):
    """A request with its steps, oldest first, and whether the caller may decide on it now."""

    trail: Sequence[Step]
    may_decide: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for; `asks` as JSON."""

    request_id: UUID
    kind: str
    asks: Mapping[str, JsonValue]
    reason: str
    evidence_id: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """Of a list so many, after a place: (asked_at, request_id) of the last one before, None at first."""

    limit: int
    after: tuple[dt.datetime, UUID] | None = None


_COLUMNS = ", ".join(f"request.{name}" for name in Request.model_fields)
_ADD = """
    insert into request
        (request_id, employee_id, kind, asks, reason, evidence_id, asked_at, review_due, state)
    values ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, 'open') on conflict (request_id) do nothing returning request_id
"""
_GET = f"select {_COLUMNS} from request where request_id = $1"  # noqa: S608 - from the model above, as all here
_OPEN_OF = f"select {_COLUMNS} from request where employee_id = $1 and state = 'open' order by asked_at"  # noqa: S608
_NEWEST = "(asked_at, request_id) < ($2, $3) order by asked_at desc, request_id desc limit $4"
_MINE = f"select {_COLUMNS} from request where employee_id = $1 and {_NEWEST}"  # noqa: S608
_DECIDED = f"select {_COLUMNS} from request where decided_by = $1 and state = $5 and {_NEWEST}"  # noqa: S608
_CLOSE = "update request set state = $2, decided_by = $3, decided_at = $4, answer = $5 where request_id = $1"
_ALONE = "select pg_advisory_xact_lock(hashtextextended($1, 0))"
_FORGET = "delete from request where employee_id = any($1::uuid[])"


def _waiting(members: str) -> str:
    rule = decider(me="$1", opd="$5::text", waited="(request.review_due <= $6)")
    return f"""
        select {_COLUMNS} from request
        join {members} person on person.employee_id = request.employee_id
        left join {members} officer on officer.employee_id = $1
        where request.state = 'open' and {rule} and (request.asked_at, request.request_id) > ($2, $3)
        order by request.asked_at, request.request_id limit $4
    """  # noqa: S608


def create_table(op: Any) -> None:
    """For a migration: `create_table(alembic.op)`."""
    op.execute(
        """
        create table request (
            request_id uuid primary key,
            employee_id uuid not null,
            kind text not null,
            asks jsonb not null,
            reason text not null,
            evidence_id text,
            asked_at timestamptz not null,
            review_due timestamptz not null,
            state text not null check (state in ('open', 'granted', 'refused', 'withdrawn')),
            decided_by uuid,
            decided_at timestamptz,
            answer text,
            constraint request_closed_once check ((state = 'open') = (decided_at is null)),
            constraint request_never_own check (decided_by <> employee_id or state = 'withdrawn')
        )
        """
    )
    op.execute("create index request_of on request (employee_id, asked_at, request_id)")
    op.execute("create index request_open on request (asked_at, request_id) where state = 'open'")
    op.execute("create index request_decided on request (decided_by, asked_at, request_id)")


def earliest(today: dt.date, days: int, closes_on: int) -> dt.date:
    """The first work date that may still be asked about: so many days back, and of the month before only until the
    day of this month on which it is closed; 0: months are not closed."""
    back = today - dt.timedelta(days)
    first = today.replace(day=1)
    if closes_on == 0:
        return back
    if today.day < closes_on:
        first = (first - dt.timedelta(1)).replace(day=1)
    return max(back, first)


# --- asking ----------------------------------------------------------------------------------------------


async def asked_before(tx: Tx, me: UUID, asked: Asked) -> Request | None:
    """The same request of the person, where it had been asked. Nobody asks in their name until `tx` ends.

    Raises Conflict where the id is another request's, or this person's with another content.
    """
    await tx.connection.execute(_ALONE, f"request {me}")
    earlier = await _get(tx, asked.request_id)
    if earlier is None:
        return None
    same = Asked(earlier.request_id, earlier.kind, earlier.asks, earlier.reason, earlier.evidence_id)
    if earlier.employee_id != me or same != asked:
        raise _taken()
    return earlier


async def open_of(tx: Tx, employee_id: UUID) -> list[Request]:
    """What a person asks for that still waits."""
    return _requests(await tx.connection.fetch(_OPEN_OF, employee_id))


async def put(tx: Tx, now: dt.datetime, who: Principal, asked: Asked, review_due: dt.datetime) -> Request:
    """Store a request. Raises Conflict where the person has as many open ones as may be."""
    me = employee_of(who)
    if len(await open_of(tx, me)) >= MOST_OPEN:
        raise Conflict("request.too_many", params={"most": MOST_OPEN})
    body = json.dumps(asked.asks)
    given = (asked.request_id, me, asked.kind, body, asked.reason, asked.evidence_id, now, review_due)
    if await tx.connection.fetchval(_ADD, *given) is None:
        raise _taken()
    detail = {"kind": asked.kind, "evidence_id": asked.evidence_id}
    await audit.add(tx, now, who, "request.asked", subject=asked.request_id, reason=asked.reason, detail=detail)
    return or_missing(await _get(tx, asked.request_id))


def _taken() -> Conflict:
    return Conflict("request.conflict", errors=[FieldError("request_id", "request.conflict")])


def overlaps(name: str, other: Request) -> Conflict:
    """The refusal of a request about the same as another open one."""
    error = FieldError(name, "request.overlaps", {"request_id": other.request_id})
    params = {"request_id": other.request_id}
    return Conflict("request.overlaps", params=params, errors=[error], extra={"request_id": str(other.request_id)})


# --- deciding --------------------------------------------------------------------------------------------


async def held(tx: Tx, request_id: UUID) -> Request:
    """A request, held until `tx` ends: of two who decide at once one comes second. Raises Missing."""
    return or_missing(await _get(tx, request_id, lock=True), "request.not_found")


@dataclass(frozen=True, slots=True)
class Judge:
    """A caller at an instant, with what the directory says of them and of the person who asks."""

    who: Principal
    officer: Member | None
    person: Member | None
    now: dt.datetime

    def may_decide(self, request: Request) -> bool:
        """Whether it is theirs to decide."""
        waited = self.now >= request.review_due
        return self.person is not None and decides(self.who, self.officer, self.person, waited=waited)

    def check(self, request: Request) -> None:
        """Raises Forbidden for one's own request, Missing for one that is not, or not yet, theirs to decide."""
        if self.who.subject == request.employee_id:
            raise Forbidden("request.own")
        if not self.may_decide(request):
            raise Missing("request.not_found")


class Directory(NamedTuple):
    """A service's directory: `members` in SQL, as `shared.access.decider` reads it, and who judges what.

    `judge` gives the caller with what it says of them and of the person who asks.
    """

    members: str
    judge: Callable[[Tx, Principal, UUID, dt.datetime], Awaitable[Judge]]


def decided_alike(who: Principal, request: Request, decision: Decision, reason: str) -> bool:
    """Whether the caller has decided just so before: a retry. Raises Conflict where it was closed otherwise."""
    if request.state == "open":
        return False
    if (request.decided_by, request.state, request.answer) == (who.subject, decision, reason):
        return True
    raise _closed(request)


def _closed(request: Request) -> Conflict:
    extra = {"state": request.state, "decided_at": request.decided_at and request.decided_at.isoformat()}
    if request.state == "withdrawn":
        return Conflict("request.withdrawn", extra=extra)
    return Conflict("request.decided", extra=extra)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ends; `detail` says in the audit what was done."""

    state: Literal["granted", "refused", "withdrawn"]
    reason: str | None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


async def close(tx: Tx, now: dt.datetime, who: Principal, request: Request, outcome: Outcome) -> Request:
    """Note how an open request, which `tx` holds, has ended."""
    subject, reason = request.request_id, outcome.reason
    await tx.connection.execute(_CLOSE, subject, outcome.state, employee_of(who), now, reason)
    detail = {"employee_id": request.employee_id, "kind": request.kind, **outcome.detail}
    action = f"request.{outcome.state}"
    await audit.add(tx, now, who, action, subject=subject, reason=reason or _NO_REASON, detail=detail)
    return or_missing(await _get(tx, subject))


async def withdraw(tx: Tx, now: dt.datetime, who: Principal, request_id: UUID, reason: str | None) -> Request:
    """Take one's own request back while it is open; twice changes nothing. Raises Missing for another's."""
    request = await held(tx, request_id)
    if request.employee_id != employee_of(who):
        raise Missing("request.not_found")
    if request.state == "withdrawn":
        return request
    if request.state != "open":
        raise _closed(request)
    return await close(tx, now, who, request, Outcome("withdrawn", reason))


# --- reading ---------------------------------------------------------------------------------------------


async def mine(tx: Tx, me: UUID, part: Part) -> list[Request]:
    """A person's requests, newest first."""
    return _requests(await tx.connection.fetch(_MINE, me, *_before(part), part.limit))


async def of_decider(
    tx: Tx, who: Principal, now: dt.datetime, part: Part, *, state: Listed, members: str
) -> list[Request]:
    """Open requests that the caller may decide, oldest first; or those that they have decided so, newest first.

    `members` is the service's directory in SQL, as `shared.access.decider` reads it.
    """
    me = employee_of(who)
    if state != "open":
        return _requests(await tx.connection.fetch(_DECIDED, me, *_before(part), part.limit, state))
    after = part.after or (FIRST_INSTANT, UUID(int=0))
    rows = await tx.connection.fetch(_waiting(members), me, *after, part.limit, only_opd(who), now)
    return _requests(rows)


async def with_trail(tx: Tx, request_id: UUID, judge: Judge) -> RequestWithTrail:
    """A request for who asked, may decide or has decided. Raises Missing for everybody else."""
    request = or_missing(await _get(tx, request_id), "request.not_found")
    may = judge.may_decide(request)
    if not may and judge.who.subject not in (request.employee_id, request.decided_by):
        raise Missing("request.not_found")
    chosen = Chosen(subject=str(request_id), action="request")
    steps = [
        Step(
            at=entry.at,
            by=UUID(entry.officer),
            role=entry.role,
            step=entry.action.removeprefix("request."),  # pyright: ignore[reportArgumentType] - a verb of the audit
            reason=None if entry.reason == _NO_REASON else entry.reason,
        )
        for entry in await audit.entries(tx, chosen, before=2**62, limit=_MOST_STEPS)
    ]
    still = may and request.state == "open"
    return RequestWithTrail(**request.model_dump(), trail=steps[::-1], may_decide=still)


def part_of(limit: Limit = 1000, cursor: str | None = None) -> Part:
    """What an address asks for of a list, and one more so that its end shows. Raises Invalid."""
    if not cursor:
        return Part(limit + 1)
    asked_at, request_id = read_cursor(cursor, dt.datetime, UUID)
    return Part(limit + 1, (asked_at, request_id))


def page(found: Sequence[Request], part: Part) -> Page[Request]:
    """The page that was asked for by `part_of`."""
    return cut(found, part.limit - 1, lambda one: [one.asked_at, one.request_id])


async def asker(tx: Tx, request_id: UUID) -> UUID:
    """Who has asked for it. Raises Missing."""
    return or_missing(await _get(tx, request_id), "request.not_found").employee_id


async def forget(tx: Tx, employee_ids: Sequence[UUID]) -> None:
    """Delete what people have asked for who are erased from the directory."""
    await tx.connection.execute(_FORGET, list(employee_ids))


async def _get(tx: Tx, request_id: UUID, *, lock: bool = False) -> Request | None:
    row = await tx.connection.fetchrow(_GET + (" for update" if lock else ""), request_id)
    return None if row is None else Request.model_validate(dict(row))


def _requests(rows: Sequence[Any]) -> list[Request]:
    return [Request.model_validate(dict(row)) for row in rows]


def _before(part: Part) -> tuple[dt.datetime, UUID]:
    return part.after or (LAST_INSTANT, UUID(int=2**128 - 1))
