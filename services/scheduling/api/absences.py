"""Absences after publication."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field, model_validator

from services.scheduling.api.changes import TermsIn, answered
from services.scheduling.api.doors import Running, or_waits
from services.scheduling.commands import absences as commands
from services.scheduling.commands.absences import Leave
from services.scheduling.domain.policies import PolicyDate, not_before
from services.scheduling.domain.records import LeaveKind
from services.scheduling.domain.spans import Days
from services.scheduling.views import absences as views
from services.scheduling.views.absences import Absence
from services.scheduling.views.changes import Change
from shared.access import PLAN, Principal
from shared.auth import require
from shared.cursors import Page
from shared.events.base import Date
from shared.refusals import wrong

router = APIRouter(prefix="/scheduling/v1/absences", tags=["changes"])
Officer = Annotated[Principal, Depends(require(PLAN))]


class AbsenceIn(TermsIn):
    """A leave, or a duty travel with the number of its letter; both dates included."""

    employee_id: UUID
    category: Literal["leave", "duty_travel"]
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate, Field(alias="to"), AfterValidator(not_before("first"))]
    kind: LeaveKind | None = None
    letter: Annotated[str, Field(max_length=100)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "AbsenceIn":
        if (self.category == "leave") != (self.kind is not None):
            raise wrong("absence.kind_of_leave")
        return self

    def leave(self) -> Leave:
        return Leave(self.employee_id, self.category, self.first, self.last, self.kind, self.letter)


class AmendIn(TermsIn):
    """Other dates for a stored absence: `from` and `to` are the stored ones."""

    employee_id: UUID
    category: Literal["leave", "duty_travel"]
    first: Annotated[PolicyDate, Field(alias="from")]
    last: Annotated[PolicyDate, Field(alias="to"), AfterValidator(not_before("first"))]
    new_first: Annotated[PolicyDate, Field(alias="new_from")]
    new_last: Annotated[PolicyDate, Field(alias="new_to"), AfterValidator(not_before("new_first"))]


@router.post("", responses=or_waits(Change))
async def add_absence(given: AbsenceIn, service: Running, who: Officer, response: Response) -> Change:
    """A leave or trip after publication. 409 with substitutes when a counter would fall below its minimum."""
    done = await commands.add_leave(service.db, service.clock, who, given.leave(), given.terms())
    return answered(done, response)


@router.post("/amend", responses=or_waits(Change))
async def amend_absence(given: AmendIn, service: Running, who: Officer, response: Response) -> Change:
    """Shorten, lengthen or move an absence: only the days between change, and late ones wait (202)."""
    leave = Leave(given.employee_id, given.category, given.first, given.last)
    days = Days(given.new_first, given.new_last)
    done = await commands.amend_leave(service.db, service.clock, who, leave, given.terms(), days=days)
    return answered(done, response)


@router.post("/end", responses=or_waits(Change))
async def end_absence(given: AbsenceIn, service: Running, who: Officer, response: Response) -> Change:
    """Take an absence back."""
    done = await commands.end_leave(service.db, service.clock, who, given.leave(), given.reason)
    return answered(done, response)


@router.get("")
async def list_absences(
    service: Running,
    who: Officer,
    first: Annotated[Date, Query(alias="from")],
    last: Annotated[Date, Query(alias="to")],
) -> Page[Absence]:
    """Absences that touch the span; an OPD admin sees their own OPD."""
    async with service.db.read() as tx:
        return Page(items=await views.listed(tx, who, first, last))
