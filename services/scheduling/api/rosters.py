"""Rosters: preview, publish, and what a draft policy would do."""

import datetime as dt
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from services.scheduling.commands import plans, rosters
from services.scheduling.commands.policies import check_known
from services.scheduling.domain.conflicts import conflicts
from services.scheduling.domain.frame import Draft
from services.scheduling.domain.late import never_late_from
from services.scheduling.domain.planning import Method, Span
from services.scheduling.domain.policies import Policy, PolicyIn, ended
from services.scheduling.store import rosters as rosters_store
from services.scheduling.store.directory import known
from services.scheduling.store.rosters import LONGEST_DAYS, Wanted
from services.scheduling.views import rosters as report
from services.scheduling.views.policies import PolicyConflict
from shared.access import PLAN, READ_PLANS, READ_REASONS, Principal, may, only_opd, own_opd
from shared.auth import require
from shared.cursors import encode_cursor, read_cursor
from shared.events import Scope
from shared.events.base import Date
from shared.http import page
from shared.personal import NamesNobody
from shared.refusals import FieldError, Invalid, Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/rosters", tags=["rosters"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(PLAN))]
Reader = Annotated[Principal, Depends(require(READ_PLANS))]
PAGE = 200
DETAILED = 20_000
"""Person-days up to which an answer can hold each of them."""
COUNTED = 100_000
"""Person-days up to which a preview is compared with the standing plans."""
RosterDate = Annotated[Date, Field(ge=dt.date(2000, 1, 1))]


def _short_span(last: dt.date, info: ValidationInfo) -> dt.date:
    first = info.data.get("first")
    if first is not None and last < first:
        raise ValueError("`to` is before `from`")
    if first is not None and (last - first).days >= LONGEST_DAYS:
        raise ValueError(f"at most {LONGEST_DAYS} days at a time")
    return last


class SpanIn(BaseModel):
    """`from` and `to` are both included."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

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


async def wanted_by(service: Service, who: Principal, scope: Scope) -> Wanted:
    """The units of a scope. 422 for an unknown or an empty one, 403 for another OPD's."""
    async with service.db.read() as tx:
        stored = await known(tx, "units")
    unknown = [
        FieldError(f"scope.opd_codes.{n}", "scope.unknown_opd", {"id": code})
        for n, code in enumerate(scope.opd_codes)
        if code not in stored.opds
    ] + [
        FieldError(f"scope.unit_ids.{n}", "scope.unknown_unit", {"id": unit})
        for n, unit in enumerate(scope.unit_ids)
        if unit not in stored.unit_opd
    ]
    if not (scope.all or scope.opd_codes or scope.unit_ids):
        unknown.append(FieldError("scope", "scope.empty"))
    if unknown:
        raise Invalid("validation", errors=unknown)
    own_opd(who, [*scope.opd_codes, *(stored.unit_opd[unit] for unit in scope.unit_ids)], everybody=scope.all)
    return Wanted(scope.all, tuple(scope.opd_codes), tuple(scope.unit_ids))


def _check_detail(drafted: Draft) -> None:
    """422 for more person-days than an answer can hold."""
    if sum(len(unit.people) for unit in drafted.units) * len(drafted.span.days) > DETAILED:
        raise Invalid("validation", errors=[FieldError("detail", "roster.detail_too_large", {"most": DETAILED})])


def _details(drafted: Draft) -> list[dict[str, Any]]:
    _check_detail(drafted)
    return [
        report.unit_view(drafted, unit, result)
        for unit, result in zip(drafted.units, drafted.results, strict=True)
    ]


@router.post("")
async def make_roster(given: RosterIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """A preview of the span's plans, or with `publish` the plans themselves and their events.

    201: published. 202: the rest is published, and late changes wait for a second officer. A preview counts in
    `late` the person-days that would have to wait.
    """
    wanted = await wanted_by(service, who, given.scope)
    span = Span(given.first, given.last, seed=given.seed)
    drafted = await rosters.draft(service.db, wanted, span, method=given.method, fresh=given.fresh)
    if given.publish:
        if given.detail:
            _check_detail(drafted)
        request = given.model_dump(mode="json", by_alias=True)
        done = await rosters.publish_draft(service.db, service.clock, who, drafted, request, reason=given.reason)
        return _published(who, given, done, response)
    answer = report.summary(drafted)
    if given.detail:
        answer["details"] = _details(drafted)
    if answer["person_days"] <= COUNTED:
        answer["changed"] = await plans.count_changes(service.db, rosters.plan_rows(drafted))
    async with service.db.read() as tx:
        now = service.clock.now()
        soon = rosters.plan_rows(drafted, before=never_late_from(now))
        answer["late"] = len(await plans.late_keys(tx, now, soon))
    return report.for_reader(answer, reasons=may(who, READ_REASONS))


def _published(who: Principal, given: RosterIn, done: rosters.Published, response: Response) -> dict[str, Any]:
    answer, proposal = report.summary(done.drafted), done.proposal
    response.status_code = 202 if proposal is not None else 201
    if given.detail:
        answer["details"] = _details(done.drafted)
    proposed = proposal and {"proposal_id": proposal.proposal_id, "person_days": proposal.person_days}
    answer = {"roster_id": done.roster_id, **answer, "changed": done.changed, "proposal": proposed}
    return report.for_reader(answer, reasons=may(who, READ_REASONS))


def _view(row: Any, who: Principal) -> dict[str, Any]:
    return report.for_reader({**row, "published_by": row["created_by"]}, reasons=may(who, READ_REASONS))


class RostersQuery(BaseModel):
    """Which publications to show: those whose span touches the dates, that plan the OPD, of one officer."""

    opd_code: str | None = None
    first: Annotated[RosterDate | None, Field(alias="from")] = None
    last: Annotated[RosterDate | None, Field(alias="to")] = None
    officer: str | None = None
    cursor: str | None = None


@router.get("")
async def list_rosters(service: Running, who: Reader, given: Annotated[RostersQuery, Query()]) -> dict[str, Any]:
    """Publications, newest first: what was asked, by whom, when, and what came of it.

    An OPD admin sees those that name nothing but their own OPD.
    """
    chosen = rosters_store.Chosen(only_opd(who), given.opd_code, given.first, given.last, given.officer)
    before = read_cursor(given.cursor, dt.datetime, UUID) if given.cursor else None
    async with service.db.read() as tx:
        rows = await rosters_store.publications(tx, chosen, before, PAGE)
    following = encode_cursor(rows[-1]["created_at"], rows[-1]["roster_id"]) if len(rows) == PAGE else None
    return page([_view(row, who) for row in rows], following)


@router.get("/{roster_id}")
async def read_roster(roster_id: UUID, service: Running, who: Reader) -> dict[str, Any]:
    """What was asked for, by whom, and what came of it. 404 for one that plans more than an OPD admin's OPD."""
    chosen = rosters_store.Chosen(only_opd(who), roster_id=roster_id)
    async with service.db.read() as tx:
        rows = await rosters_store.publications(tx, chosen, None, 1)
    if not rows:
        raise Missing("not_found")
    return _view(rows[0], who)


@router.post("/what-if")
async def what_if(given: WhatIfIn, service: Running, who: Officer) -> dict[str, Any]:
    """The effect of a draft policy on a span, past or future; nothing is stored.

    `conflicts` names the policies that the draft meets and which of them would decide. Where only the id would
    decide the draft is shown as if it won (`shown_as_if_won`): a later start or a narrower scope lets it win.
    """
    wanted = await wanted_by(service, who, given.scope)
    async with service.db.read() as tx:
        await check_known(tx, given.policy)
        opds = sorted((await known(tx, "opds")).opds)
    span = Span(given.first, given.last, seed=given.seed)
    now = await rosters.draft(service.db, wanted, span, method=given.method, fresh=True)
    others = ended(now.span.policies, given.policy.policy_id, given.policy.effective_from)
    tried = replace(now.span, policies=(*others, Policy(given.policy.policy_id, 0, given.policy, draft=True)))
    then = await rosters.redraft(now, tried, method=given.method)
    answer = report.comparison(now, then)
    plain = Policy(given.policy.policy_id, 0, given.policy)
    answer["conflicts"] = [
        {
            **PolicyConflict.model_validate(one).model_dump(by_alias=True),
            "shown_as_if_won": one.because == "greater_id" and one.winner != plain.label,
        }
        for one in conflicts(plain, others, opds)
    ]
    if given.detail:
        answer["details"] = _details(then)
    return report.for_reader(answer, reasons=may(who, READ_REASONS))
