"""The doors of what people intend to do: said before the day, read by the superior, compared with the report."""

from uuid import UUID

from fastapi import APIRouter

from services.reporting.api.figures import Running
from services.reporting.api.kept import WrittenDate
from services.reporting.commands import intentions as commands
from services.reporting.domain.intentions import IntentionIn
from services.reporting.views import intentions as views
from services.reporting.views import people
from services.reporting.views.intentions import IntentionView
from shared.auth import Caller, Employee
from shared.events.base import Date
from shared.refusals import Missing

router = APIRouter(prefix="/reporting/v1", tags=["intentions"])


@router.put("/me/intentions/{work_date}")
async def put_intention(
    *, work_date: WrittenDate, given: IntentionIn, employee_id: Employee, service: Running
) -> IntentionView:
    """Say what you intend to do on a day, before it begins: above all on one at home. Your superior reads it.

    409 once the day's plan has begun, or its date where it has no hours; 422 more than 14 days ahead.
    """
    return await commands.put(service.db, service.clock, employee_id, work_date, given)


@router.get("/me/intentions/{work_date}")
async def own_intention(work_date: Date, employee_id: Employee, service: Running) -> IntentionView:
    """What one intended oneself, beside what one reported; 404 where nothing was said."""
    async with service.db.read() as tx:
        return await views.of_day(tx, employee_id, work_date)


@router.get("/people/{employee_id}/intentions/{work_date}")
async def intention_of(employee_id: UUID, work_date: Date, who: Caller, service: Running) -> IntentionView:
    """What somebody intended, beside what they reported.

    For the person, their superiors, their OPD's admin, BKPSDM and auditors; 404 for everyone else.
    """
    async with service.db.read() as tx:
        if not await people.may_see(tx, who, employee_id, work_date):
            raise Missing("person.unknown")
        return await views.of_day(tx, employee_id, work_date)
