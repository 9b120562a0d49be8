"""Rosters: preview, publish, and what a draft policy would do."""

import datetime as dt
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from services.scheduling.commands import plans, report, rosters
from services.scheduling.commands.officer import officer_name, own_opd
from services.scheduling.commands.policies import check_known
from services.scheduling.domain.planning import Method, Span
from services.scheduling.domain.policies import Policy, PolicyIn, ended
from services.scheduling.models import Roster
from services.scheduling.store import governance
from services.scheduling.store.directory import known
from services.scheduling.store.inputs import LONGEST_DAYS, Wanted
from shared.auth import Principal, require
from shared.events import Scope
from shared.events.base import Date
from shared.http import FieldError, Problem
from shared.personal import NamesNobody
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/rosters", tags=["rosters"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require("bkpsdm", "opd_admin"))]
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
    """Needed when days before today change."""


class WhatIfIn(SpanIn):
    """A draft policy to try; from its start on it takes the place of the stored policy with its id, if any."""

    policy: PolicyIn


async def wanted_by(service: Service, who: Principal, scope: Scope) -> Wanted:
    """The units of a scope. 422 for an unknown or an empty one, 403 for another OPD's."""
    async with service.db.read() as tx:
        stored = await known(tx.connection, "units")
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
        raise Problem(422, "validation", errors=unknown)
    own_opd(who, [*scope.opd_codes, *(stored.unit_opd[unit] for unit in scope.unit_ids)], everybody=scope.all)
    return Wanted(scope.all, tuple(scope.opd_codes), tuple(scope.unit_ids))


def _check_detail(drafted: rosters.Draft) -> None:
    """422 for more person-days than an answer can hold."""
    if sum(len(unit.people) for unit in drafted.units) * len(drafted.span.days) > DETAILED:
        raise Problem(
            422, "validation", errors=[FieldError("detail", "roster.detail_too_large", {"most": DETAILED})]
        )


def _details(drafted: rosters.Draft) -> list[dict[str, Any]]:
    _check_detail(drafted)
    return [
        report.unit_view(drafted, unit, result)
        for unit, result in zip(drafted.units, drafted.results, strict=True)
    ]


@router.post("")
async def make_roster(given: RosterIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """A preview of the span's plans, or with `publish` the plans themselves and their events.

    201: published. 202: the rest is published, and changes of past days wait for a second officer.
    """
    wanted = await wanted_by(service, who, given.scope)
    span = Span(given.first, given.last, seed=given.seed)
    drafted = await rosters.draft(service.db, wanted, span, method=given.method, fresh=given.fresh)
    if given.publish:
        if given.detail:
            _check_detail(drafted)
        done = await rosters.publish_draft(service.db, service.clock, who, drafted, reason=given.reason)
        return await _published(service, who, given, done, response)
    answer = report.summary(drafted)
    if given.detail:
        answer["details"] = _details(drafted)
    if answer["person_days"] <= COUNTED:
        answer["changed"] = await plans.count_changes(service.db, rosters.plan_rows(drafted))
    return answer


async def _published(
    service: Service, who: Principal, given: RosterIn, done: rosters.Published, response: Response
) -> dict[str, Any]:
    """Keep what was asked and what came of it, and answer with it."""
    answer, proposal = report.summary(done.drafted), done.proposal
    roster_id = uuid4()
    response.status_code = 202 if proposal is not None else 201
    kept = {name: value for name, value in answer.items() if name not in ("from", "to", "unsatisfied")}
    async with service.db.transaction() as tx:
        row = Roster(
            roster_id=roster_id,
            request=given.model_dump(mode="json", by_alias=True),
            status="published",
            summary={**kept, "changed": done.changed},
            created_at=service.clock.now(),
            created_by=officer_name(who),
        )
        await governance.add(tx, row)
    if given.detail:
        answer["details"] = _details(done.drafted)
    proposed = proposal and {"proposal_id": proposal.proposal_id, "person_days": proposal.person_days}
    return {"roster_id": roster_id, **answer, "changed": done.changed, "proposal": proposed}


@router.get("/{roster_id}", dependencies=[Depends(require("bkpsdm", "opd_admin", "auditor"))])
async def read_roster(roster_id: UUID, service: Running) -> dict[str, Any]:
    """What was asked for and what came of it."""
    async with service.db.read() as tx:
        row = await governance.roster(tx, roster_id)
    if row is None:
        raise Problem(404, "not_found")
    return row.model_dump(exclude={"created_by"})


@router.post("/what-if")
async def what_if(given: WhatIfIn, service: Running, who: Officer) -> dict[str, Any]:
    """The effect of a draft policy on a span, past or future; nothing is stored."""
    wanted = await wanted_by(service, who, given.scope)
    async with service.db.read() as tx:
        await check_known(tx, given.policy)
    span = Span(given.first, given.last, seed=given.seed)
    now = await rosters.draft(service.db, wanted, span, method=given.method, fresh=True)
    others = ended(now.span.policies, given.policy.policy_id, given.policy.effective_from)
    tried = replace(now.span, policies=(*others, Policy(given.policy.policy_id, 0, given.policy)))
    then = await rosters.redraft(now, tried, method=given.method)
    answer = report.comparison(now, then)
    if given.detail:
        answer["details"] = _details(then)
    return answer
