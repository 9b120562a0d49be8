"""The doors of yearly targets: a superior sets them, the person and their superiors read them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from services.reporting.api.figures import Running
from services.reporting.commands import targets as commands
from services.reporting.domain.targets import TargetsIn
from services.reporting.views import people
from services.reporting.views import targets as views
from services.reporting.views.targets import Targets
from shared.access import REVIEW_REPORTS, Principal
from shared.auth import Caller, Employee, require
from shared.dates import local_date
from shared.events.base import FIRST_DATE, LAST_DATE
from shared.refusals import Missing

router = APIRouter(prefix="/reporting/v1", tags=["targets"])

YearPath = Annotated[int, Path(ge=FIRST_DATE.year, le=LAST_DATE.year)]
YearQuery = Annotated[int, Query(ge=FIRST_DATE.year, le=LAST_DATE.year)]


@router.put("/people/{employee_id}/targets/{year}")
async def put_targets(
    *,
    employee_id: UUID,
    year: YearPath,
    given: TargetsIn,
    who: Annotated[Principal, Depends(require(REVIEW_REPORTS))],
    service: Running,
) -> Targets:
    """Set all targets of one of your people for a year; items of their reports may name them from then on.

    For their supervisor or acting deputy; 404 for everyone else.
    """
    return await commands.put(service.db, service.clock, who, employee_id, year, given)


@router.get("/people/{employee_id}/targets/{year}")
async def read_targets(employee_id: UUID, year: YearPath, who: Caller, service: Running) -> Targets:
    """Somebody's targets of a year. For the person, their superiors, their OPD's admin, BKPSDM and auditors."""
    async with service.db.read() as tx:
        if not await people.may_see(tx, who, employee_id, local_date(service.clock.now())):
            raise Missing("person.unknown")
        return await views.of_year(tx, employee_id, year)


@router.get("/me/targets")
async def own_targets(employee_id: Employee, service: Running, year: YearQuery | None = None) -> Targets:
    """One's own targets of a year, this one when it is left out."""
    of = year or local_date(service.clock.now()).year
    async with service.db.read() as tx:
        return await views.of_year(tx, employee_id, of)
