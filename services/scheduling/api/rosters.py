"""Rosters: preview, publish, and what a draft policy would do."""

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, BaseModel, Field, ValidationInfo

from services.scheduling.api.doors import Body, Running, or_waits
from services.scheduling.commands import rosters as commands
from services.scheduling.domain.frame import Draft
from services.scheduling.domain.planning import LONGEST_DAYS, Method, Publications, Span
from services.scheduling.domain.policies import PolicyIn
from services.scheduling.views import rosters as views
from services.scheduling.views.rosters import Preview, Published, Roster, TriedConflict, WhatIf
from shared.access import PLAN, READ_PLANS, READ_REASONS, Principal, may, only_opd
from shared.auth import require
from shared.cursors import Page, cut, read_cursor
from shared.events import Scope
from shared.events.base import Date
from shared.personal import NamesNobody
from shared.refusals import Missing, wrong

router = APIRouter(prefix="/scheduling/v1/rosters", tags=["rosters"])
Officer = Annotated[Principal, Depends(require(PLAN))]
Reader = Annotated[Principal, Depends(require(READ_PLANS))]
PAGE = 200
RosterDate = Annotated[Date, Field(ge=dt.date(2000, 1, 1))]


def _short_span(last: dt.date, info: ValidationInfo) -> dt.date:
    first = info.data.get("first")
    if first is not None and last < first:
        raise wrong("span.backwards")
    if first is not None and (last - first).days >= LONGEST_DAYS:
        raise wrong("roster.too_long", most=LONGEST_DAYS)
    return last


class SpanIn(Body):
    """`from` and `to` are both included."""

    first: Annotated[RosterDate, Field(alias="from")]
    last: Annotated[RosterDate, Field(alias="to"), AfterValidator(_short_span)]
    scope: Scope
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    method: Method = "auto"
    detail: bool = False
    """Show every person-day and unit-day; for scopes of up to 20,000 person-days."""


class RosterIn(SpanIn):
    """What to plan."""

    publish: bool = False
    fresh: bool = False
    """Plan anew instead of keeping the standing plans where possible."""
    reason: Annotated[str, Field(max_length=500), NamesNobody] | None = None
    """Needed when person-days change that are over or have begun."""


class WhatIfIn(SpanIn):
    """A draft policy to try; from its start on it takes the place of the stored policy with its id, if any."""

    policy: PolicyIn


async def _drafted(service: Running, who: Principal, given: SpanIn, *, fresh: bool) -> Draft:
    async with service.db.read() as tx:
        wanted = await commands.wanted_units(tx, who, given.scope)
    span = Span(given.first, given.last, seed=given.seed)
    return await commands.draft(service.db, wanted, span, method=given.method, fresh=fresh)


def _details(who: Principal, given: SpanIn, drafted: Draft) -> dict[str, Any]:
    """The member `details`, where it is asked for."""
    if not given.detail:
        return {}
    commands.check_detail(drafted)
    return {"details": views.in_full(drafted, reasons=may(who, READ_REASONS))}


@router.post("", response_model_exclude_unset=True, responses={201: {"model": Published}} | or_waits(Published))
async def make_roster(given: RosterIn, service: Running, who: Officer, response: Response) -> Preview | Published:
    """A preview of the span's plans, or with `publish` the plans themselves and their events.

    201: published. 202: the rest is published, and late changes wait for a second officer. A preview counts in
    `late` the person-days that would have to wait.
    """
    drafted = await _drafted(service, who, given, fresh=given.fresh)
    if given.publish:
        return await _publish(given, service, who, drafted, response)
    summary = views.summary(drafted, reasons=may(who, READ_REASONS))
    details = _details(who, given, drafted)
    effect = await commands.effect(service.db, service.clock, drafted, summary.person_days)
    changed = {} if effect.changed is None else {"changed": effect.changed}
    return Preview.model_validate({**dict(summary), **details, **changed, "late": effect.late})


async def _publish(
    given: RosterIn, service: Running, who: Principal, drafted: Draft, response: Response
) -> Published:
    if given.detail:
        commands.check_detail(drafted)
    request = given.model_dump(mode="json", by_alias=True)
    done = await commands.publish_draft(service.db, service.clock, who, drafted, request, reason=given.reason)
    response.status_code = 201 if done.proposal is None else 202
    summary = views.summary(done.drafted, reasons=may(who, READ_REASONS))
    came = {"roster_id": done.roster_id, "changed": done.changed, "proposal": done.proposal}
    return Published.model_validate({**dict(summary), **_details(who, given, done.drafted), **came})


class RostersQuery(BaseModel):
    """Which publications to show: those whose span touches the dates, that plan the OPD, of one officer."""

    opd_code: str | None = None
    first: Annotated[RosterDate | None, Field(alias="from")] = None
    last: Annotated[RosterDate | None, Field(alias="to")] = None
    officer: str | None = None
    cursor: str | None = None


@router.get("")
async def list_rosters(service: Running, who: Reader, given: Annotated[RostersQuery, Query()]) -> Page[Roster]:
    """Publications, newest first: what was asked, by whom, when, and what came of it.

    An OPD admin sees those that name nothing but their own OPD.
    """
    chosen = Publications(only_opd(who), given.opd_code, given.first, given.last, given.officer)
    before = read_cursor(given.cursor, dt.datetime, UUID) if given.cursor else None
    async with service.db.read() as tx:
        rosters = await views.publications(tx, who, chosen, before, PAGE + 1)
    return cut(rosters, PAGE, lambda roster: (roster.created_at, roster.roster_id))


@router.get("/{roster_id}")
async def read_roster(roster_id: UUID, service: Running, who: Reader) -> Roster:
    """What was asked for, by whom, and what came of it. 404 for one that plans more than an OPD admin's OPD."""
    async with service.db.read() as tx:
        rosters = await views.publications(tx, who, Publications(only_opd(who), roster_id=roster_id), None, 1)
    for roster in rosters:
        return roster
    raise Missing("not_found")


@router.post("/what-if", response_model_exclude_unset=True)
async def what_if(given: WhatIfIn, service: Running, who: Officer) -> WhatIf:
    """The effect of a draft policy on a span, past or future; nothing is stored.

    `conflicts` names the policies that the draft meets and which of them would decide. Where only the id would
    decide the draft is shown as if it won (`shown_as_if_won`): a later start or a narrower scope lets it win.
    """
    async with service.db.read() as tx:
        wanted = await commands.wanted_units(tx, who, given.scope)
    span = Span(given.first, given.last, seed=given.seed)
    tried = await commands.what_if(service.db, wanted, span, given.policy, method=given.method)
    reasons = may(who, READ_REASONS)
    return WhatIf(
        now=views.summary(tried.now, reasons=reasons),
        then=views.summary(tried.then, reasons=reasons),
        by_day=views.by_day(tried.then),
        moved=views.moved(tried.now, tried.then),
        conflicts=[TriedConflict(**asdict(met), shown_as_if_won=shown) for met, shown in tried.conflicts],
        **_details(who, given, tried.then),
    )
