"""Changes after publication."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from services.scheduling.api.doors import Body, OverrideIn, Running, or_waits
from services.scheduling.commands import changes as commands
from services.scheduling.commands.changes import Move, Recall, Terms
from services.scheduling.domain.policies import PolicyDate
from services.scheduling.views.changes import Change
from shared.access import PLAN, Principal
from shared.auth import require
from shared.personal import Reason

router = APIRouter(prefix="/scheduling/v1/plans", tags=["changes"])
Officer = Annotated[Principal, Depends(require(PLAN))]


class RecallIn(Body):
    employee_id: UUID
    work_date: PolicyDate


class ShortIn(Body):
    """What may be said of a counter that a change takes below its minimum."""

    recall: list[RecallIn] = []
    """People at home to bring to the office, best from the list of substitutes."""
    override: OverrideIn | None = None

    def terms_for(self, reason: str | None) -> Terms:
        recalls = [Recall(one.employee_id, one.work_date) for one in self.recall]
        return Terms(recalls, self.override and self.override.reason, reason)


class TermsIn(ShortIn):
    reason: Reason | None = None

    def terms(self) -> Terms:
        return self.terms_for(self.reason)


class MoveIn(RecallIn):
    mode: Literal["WFO", "WFH"]


class SettleIn(Body):
    """Single person-days to set by name and with a reason."""

    moves: Annotated[list[MoveIn], Field(min_length=1, max_length=500)]
    reason: Reason
    override: OverrideIn | None = None


def answered(done: commands.Done, response: Response) -> Change:
    """The answer to a change: 202 where a part of it waits for a second officer."""
    response.status_code = 202 if done.proposal is not None else 200
    return commands.answer(done)


@router.post("/settle", responses=or_waits(Change))
async def settle(given: SettleIn, service: Running, who: Officer, response: Response) -> Change:
    """Set the mode of single person-days; later rosters leave these days alone."""
    moves = [Move(one.employee_id, one.work_date, one.mode) for one in given.moves]
    terms = Terms(override=given.override and given.override.reason, reason=given.reason)
    done = await commands.settle(service.db, service.clock, who, moves, terms)
    return answered(done, response)
