"""The door of a team's day: a superior's evening on one screen."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.reporting.api.figures import At, Running
from services.reporting.domain.team import Waits
from services.reporting.views import team as views
from services.reporting.views.team import TeamDay
from shared.access import REVIEW_REPORTS, Principal
from shared.auth import employee_of, require

router = APIRouter(prefix="/reporting/v1", tags=["work reports"])


@router.get("/me/team")
async def team(
    at: At,
    who: Annotated[Principal, Depends(require(REVIEW_REPORTS))],
    service: Running,
    waits: Annotated[
        Waits,
        Query(
            alias="state",
            description="Those whose report waits, has waited past the review time, or who have not come",
        ),
    ] = "all",
) -> TeamDay:
    """The day of those whose supervisor or acting deputy the caller is: plan, duties, check-in, report."""
    superior = employee_of(who)
    async with service.db.read() as tx:
        return await views.of_superior(tx, superior, at.date, at.as_of, waits)
