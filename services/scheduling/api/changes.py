"""Changes after publication."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.scheduling.commands import absences, changes
from services.scheduling.commands.absences import Leave
from services.scheduling.commands.changes import Move, Recall, Terms
from services.scheduling.domain.policies import PolicyDate, not_before
from services.scheduling.domain.spans import Days
from services.scheduling.store import absences as absences_store
from shared.access import PLAN, Principal, only_opd
from shared.auth import require
from shared.events.base import Date
from shared.http import page
from shared.personal import Reason
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1", tags=["changes"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(PLAN))]
LeaveKind = Literal["annual", "long", "sick", "maternity", "important", "unpaid", "permission"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class RecallIn(_In):
    employee_id: UUID
    work_date: PolicyDate


class OverrideIn(_In):
    """The officer answers by name for a counter below its minimum."""

    reason: Reason


class TermsIn(_In):
    recall: list[RecallIn] = []
    """People at home to bring to the office, best from the list of substitutes."""
    override: OverrideIn | None = None
    reason: Reason | None = None

    def terms(self) -> Terms:
        recalls = [Recall(one.employee_id, one.work_date) for one in self.recall]
        return Terms(recalls, self.override and self.override.reason, self.reason)


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
            raise ValueError("a leave has a kind, a duty travel has none")
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


class MoveIn(RecallIn):
    mode: Literal["WFO", "WFH"]


class SettleIn(_In):
    """Single person-days to set by name and with a reason."""

    moves: Annotated[list[MoveIn], Field(min_length=1, max_length=500)]
    reason: Reason
    override: OverrideIn | None = None


def _answer(done: changes.Done, response: Response) -> dict[str, Any]:
    response.status_code = 202 if done.proposal is not None else 200
    return changes.as_json(done)


@router.post("/absences")
async def add_absence(given: AbsenceIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """A leave or trip after publication. 409 with substitutes when a counter would fall below its minimum."""
    done = await absences.add_leave(service.db, service.clock, who, given.leave(), given.terms())
    return _answer(done, response)


@router.post("/absences/amend")
async def amend_absence(given: AmendIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """Shorten, lengthen or move an absence: only the days between change, and late ones wait (202)."""
    leave = Leave(given.employee_id, given.category, given.first, given.last)
    days = Days(given.new_first, given.new_last)
    done = await absences.amend_leave(service.db, service.clock, who, leave, given.terms(), days=days)
    return _answer(done, response)


@router.post("/absences/end")
async def end_absence(given: AbsenceIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """Take an absence back."""
    done = await absences.end_leave(service.db, service.clock, who, given.leave(), given.reason)
    return _answer(done, response)


@router.get("/absences")
async def list_absences(
    service: Running,
    who: Officer,
    first: Annotated[Date, Query(alias="from")],
    last: Annotated[Date, Query(alias="to")],
) -> dict[str, Any]:
    """Absences that touch the span; an OPD admin sees their own OPD."""
    opd_code = only_opd(who)
    async with service.db.read() as tx:
        return page([dict(row) for row in await absences_store.absences(tx, opd_code, first, last)], None)


@router.post("/plans/settle")
async def settle(given: SettleIn, service: Running, who: Officer, response: Response) -> dict[str, Any]:
    """Set the mode of single person-days; later rosters leave these days alone."""
    moves = [Move(one.employee_id, one.work_date, one.mode) for one in given.moves]
    terms = Terms(override=given.override and given.override.reason, reason=given.reason)
    done = await changes.settle(service.db, service.clock, who, moves, terms)
    return _answer(done, response)
