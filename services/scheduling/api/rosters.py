"""Rosters: preview and publish."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.scheduling.commands import rosters
from services.scheduling.commands.policies import own_opd
from services.scheduling.commands.rules import officer_name
from services.scheduling.domain.planning import Span
from services.scheduling.models import Roster
from services.scheduling.store import governance
from services.scheduling.store.directory import known
from services.scheduling.store.rosters import Wanted
from shared.auth import Principal, require
from shared.events import Scope
from shared.http import FieldError, Problem
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/rosters", tags=["rosters"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require("bkpsdm", "opd_admin"))]
LONGEST_DAYS = 62


class RosterIn(BaseModel):
    """What to plan: `from` and `to` are both included."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: Annotated[dt.date, Field(alias="from", ge=dt.date(2000, 1, 1), le=dt.date(2999, 12, 31))]
    last: Annotated[dt.date, Field(alias="to", ge=dt.date(2000, 1, 1), le=dt.date(2999, 12, 31))]
    scope: Scope
    publish: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _order(self) -> "RosterIn":
        if self.last < self.first:
            raise ValueError("`to` is before `from`")
        if (self.last - self.first).days >= LONGEST_DAYS:
            raise ValueError(f"at most {LONGEST_DAYS} days at a time")
        return self


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


@router.post("")
async def make_roster(given: RosterIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """A preview of the span's plans, or with `publish` the plans themselves and their events."""
    wanted = await wanted_by(service, who, given.scope)
    async with service.db.read() as tx:
        policies = await governance.current_policies(tx)
    span = Span(given.first, given.last, policies=tuple(policies), seed=given.seed)
    drafted = await rosters.draft(service.db, wanted, span)
    answer = rosters.summary(drafted)
    if not given.publish:
        return answer
    past = await rosters.past_changes(service.db, service.clock, drafted)
    if past:
        raise Problem(409, "roster.past", params={"count": past}, errors=[FieldError("from", "roster.past_field")])
    changed = await rosters.publish_draft(service.db, service.clock, drafted)
    row = Roster(
        roster_id=rosters.new_id(),
        request=given.model_dump(mode="json", by_alias=True),
        status="published",
        summary={**answer, "from": str(given.first), "to": str(given.last), "changed": changed},
        created_at=service.clock.now(),
        created_by=officer_name(who),
    )
    async with service.db.transaction() as tx:
        await governance.add(tx, row)
    response.status_code = 201
    return {"roster_id": row.roster_id, **answer, "changed": changed}
