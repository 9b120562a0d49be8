"""What staff ask for of their own plans; what is granted becomes an absence in the same transaction."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.scheduling.commands import absences, publish
from services.scheduling.commands.absences import Leave
from services.scheduling.commands.access import answered_for
from services.scheduling.commands.changes import Done, Terms, answer
from services.scheduling.commands.scope import check_known
from services.scheduling.domain import requests as domain
from services.scheduling.domain.records import Absence, gives_way
from services.scheduling.domain.requests import (
    NOBODY,
    AmendmentAsked,
    AskedKind,
    KindRule,
    LeaveAsked,
    RequestIn,
    TravelAsked,
)
from services.scheduling.domain.rules import NONE_IN_FORCE
from services.scheduling.domain.spans import Days
from services.scheduling.store import absences as stored
from services.scheduling.store import directory, people
from services.scheduling.store import requests as store
from services.scheduling.store.people import PersonRow
from services.scheduling.views import requests as views
from services.scheduling.views.requests import AskableKind, Decided
from shared import audit, requests
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.events import AbsenceDecided
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, Missing
from shared.requests import Asked, Decision, Outcome, Request


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision; `terms` say how what is granted may go through."""

    decision: Decision
    terms: Terms

    @property
    def reason(self) -> str:
        return self.terms.reason or "-"


async def set_kind(
    db: Database, clock: Clock, who: Principal, kind: AskedKind, rule: KindRule, *, reason: str
) -> AskableKind:
    """Say who may ask for a kind from now on. Raises Invalid for an OPD that there is not."""
    async with db.transaction() as tx:
        await check_known(tx, opds={"opd_codes": rule.opd_codes or []}, units={})
        await store.set_kind(tx, kind, rule)
        detail = rule.model_dump(mode="json")
        await audit.add(tx, clock.now(), who, "request_kind.set", subject=kind, reason=reason, detail=detail)
        shown = await views.kinds(tx, who.subject)
    return next(one for one in shown if one.kind == kind)


async def ask(
    db: Database, clock: Clock, who: Principal, given: RequestIn, *, days: int, closes_on: int
) -> tuple[Request, bool]:
    """Store a request, and whether it is new; asked about are so many days back and no closed month."""
    me = employee_of(who)
    body = given.model_dump(mode="json", by_alias=True, exclude=set(domain.HEAD))
    asked = Asked(given.request_id, given.kind, body, given.reason, given.evidence_id)
    async with db.transaction() as tx:
        earlier = await requests.asked_before(tx, me, asked)
        if earlier is not None:
            return earlier, False
        now = clock.now()
        person = await people.person(tx, me)
        if person is None:
            raise Missing("directory.unknown")
        await _let(tx, person, given)
        today = local_date(now)
        _check_dates(given, today, requests.earliest(today, days, closes_on))
        await _check_stored(tx, me, given)
        for other in await requests.open_of(tx, me):
            if domain.touch(domain.about(given), domain.about(_asked(other))):
                raise requests.overlaps("from", other)
        due = await store.review_due(tx, now, NONE_IN_FORCE.review_sla_working_days)
        return await requests.put(tx, now, who, asked, due), True


def _asked(request: Request) -> RequestIn:
    """What had been asked for."""
    head: Mapping[str, Any] = request.model_dump(mode="json", include=set(domain.HEAD))
    return domain.REQUEST.validate_python({**request.asks, **head})


async def _let(tx: Tx, person: PersonRow, given: RequestIn) -> None:
    """Raises Forbidden unless the city lets the person ask for it."""
    kind = domain.asked_kind(given)
    employment = await store.employment(tx, person.employee_id)
    rule = (await store.kinds(tx)).get(kind, NOBODY)
    if not (person.active and employment and rule.lets(employment, person.opd_code)):
        field = "leave" if isinstance(given, LeaveAsked) else "kind"
        raise Forbidden("request.not_let", errors=[FieldError(field, "request.not_let")])


def _check_dates(given: RequestIn, today: dt.date, earliest: dt.date) -> None:
    """Raises Invalid, naming the field, for dates that are too far back, ahead or apart, or the same."""
    changed = domain.changed(given)
    if not changed:
        raise Invalid("validation", errors=[FieldError("new_from", "request.same_dates")])
    amended = isinstance(given, AmendmentAsked) and given.wanted is not None
    first, last = ("new_from", "new_to") if amended else ("from", "to")
    if min(changed).first < earliest:
        params = {"first": earliest}
        raise Invalid("request.too_old", params=params, errors=[FieldError(first, "request.too_old", params)])
    wanted = given.wanted if isinstance(given, AmendmentAsked) else Days(given.first, given.last)
    if wanted is None:
        return
    if wanted.first > today + domain.LONGEST:
        raise Invalid("validation", errors=[FieldError(first, "request.too_far")])
    if wanted.last - wanted.first > domain.LONGEST:
        raise Invalid("validation", errors=[FieldError(last, "request.too_long")])


async def _check_stored(tx: Tx, me: UUID, given: RequestIn) -> None:
    """Raises Conflict where a stored absence is in the way, Missing where the one to amend is not there."""
    itself: Absence | None = None
    if isinstance(given, AmendmentAsked):
        itself = await stored.absence(tx, me, given.category, *given.stored)
        if itself is None:
            raise Missing("absence.unknown", errors=[FieldError("from", "absence.unknown")])
        if given.wanted is None:
            return
    wanted = _absence(me, given, itself)
    for other in await stored.overlapping(tx, me, wanted.from_date, wanted.to_date):
        if other != itself and not gives_way(other, wanted):
            params = {"start": other.from_date, "end": other.to_date}
            field = "from" if itself is None else "new_from"
            raise Conflict("request.absent", params=params, errors=[FieldError(field, "request.absent", params)])


def _absence(me: UUID, given: RequestIn, itself: Absence | None) -> Absence:
    """What would be stored."""
    if isinstance(given, AmendmentAsked):
        first, last = given.wanted or given.stored
        kind = itself.kind if itself else None
        return Absence(me, given.category, first, last, kind, None)
    leave = _leave(me, given)
    return Absence(me, leave.category, leave.first, leave.last, leave.kind, leave.letter)


def _leave(whose: UUID, asked: RequestIn) -> Leave:
    match asked:
        case LeaveAsked():
            return Leave(whose, "leave", asked.first, asked.last, asked.leave)
        case TravelAsked():
            return Leave(whose, "duty_travel", asked.first, asked.last, None, asked.letter)
        case AmendmentAsked():
            return Leave(whose, asked.category, asked.first, asked.last)


async def withdraw(db: Database, clock: Clock, who: Principal, request_id: UUID, reason: str | None) -> Request:
    """Take back one's own request while it is open."""
    async with db.transaction() as tx:
        return await requests.withdraw(tx, clock.now(), who, request_id, reason)


async def decide(db: Database, clock: Clock, who: Principal, request_id: UUID, ruling: Ruling) -> Decided:
    """Grant a request, which changes plans at once, or refuse it; the same again changes nothing.

    What is late of it waits for a second officer, as of every absence. Raises Conflict where a counter would fall
    below its minimum and the ruling says nothing of that.
    """
    async with db.transaction() as tx:
        await directory.lock(tx)
        request = await requests.held(tx, request_id)
        now = clock.now()
        (await views.judge(tx, who, request.employee_id, now)).check(request)
        if requests.decided_alike(who, request, ruling.decision, ruling.reason):
            return Decided(**request.model_dump(), change=None)
        if ruling.decision == "refused":
            closed = await requests.close(tx, now, who, request, Outcome("refused", ruling.reason))
            await _tell(tx, now, request, "refused")
            return Decided(**closed.model_dump(), change=None)
        done = await _grant(tx, clock, who, request, ruling.terms)
        detail = {"changed": done.changed, "proposal_id": done.proposal and done.proposal.proposal_id}
        closed = await requests.close(tx, now, who, request, Outcome("granted", ruling.reason, detail))
        await _tell(tx, now, request, "granted")
        return Decided(**closed.model_dump(), change=answer(done))


async def _tell(tx: Tx, now: dt.datetime, request: Request, state: Decision) -> None:
    """Publish the decision on a request, with the dates that were asked for; which leave it is stays here."""
    asked = _asked(request)
    days = (isinstance(asked, AmendmentAsked) and asked.wanted) or Days(asked.first, asked.last)
    event = AbsenceDecided(
        request_id=request.request_id,
        employee_id=request.employee_id,
        kind=request.kind,
        work_date=days.first,
        last_date=days.last,
        state=state,
        decided_at=now,
        revision=1,
    )
    await publish.send(tx, [event], now)


async def _grant(tx: Tx, clock: Clock, who: Principal, request: Request, terms: Terms) -> Done:
    for index, recall in enumerate(terms.recalls):
        await answered_for(tx, who, recall.employee_id, f"recall.{index}.employee_id")
    asked = _asked(request)
    leave = _leave(request.employee_id, asked)
    if not isinstance(asked, AmendmentAsked):
        return await absences.add(tx, clock, who, leave, terms)
    return await absences.amend(tx, clock, who, leave, terms, days=asked.wanted)
