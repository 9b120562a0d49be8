"""The doors of drafts: one's own, until the report is handed in."""

from fastapi import APIRouter

from services.reporting.api.figures import Running
from services.reporting.api.kept import WrittenDate
from services.reporting.commands import drafts as commands
from services.reporting.domain.drafts import Draft
from services.reporting.views import drafts as views
from services.reporting.views.drafts import DraftView
from shared.auth import Employee
from shared.events.base import Date

router = APIRouter(prefix="/reporting/v1/me/reports/{work_date}/draft", tags=["work reports"])


@router.put("")
async def put_draft(*, work_date: WrittenDate, given: Draft, employee_id: Employee, service: Running) -> DraftView:
    """Save the draft of a report, over the one before. Nobody else sees it; it goes when the report is handed in,
    and 90 days after it was last saved."""
    return await commands.put(service.db, service.clock, employee_id, work_date, given)


@router.get("")
async def read_draft(work_date: Date, employee_id: Employee, service: Running) -> DraftView:
    """One's own draft; 404 while there is none."""
    async with service.db.read() as tx:
        return await views.of_day(tx, employee_id, work_date)


@router.delete("", status_code=204)
async def drop_draft(work_date: Date, employee_id: Employee, service: Running) -> None:
    """Drop one's own draft; nothing happens where there is none."""
    await commands.drop(service.db, employee_id, work_date)
