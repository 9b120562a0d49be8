"""The page that the message of a counter that is short, or will be, leads to: who could help, and asking them.

What stands on it comes from notifications, by the reader's own token: who did not get the message sees nothing.
"""

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.reporting.api.pages.desk.entry import draw, reader
from services.reporting.api.pages.desk.team import Running
from services.reporting.api.pages.page import in_language

router = APIRouter(prefix="/reporting/desk", include_in_schema=False, dependencies=[Depends(in_language)])


@router.get("/alerts/{notification_id}")
async def alert(request: Request, service: Running, notification_id: UUID) -> Response:
    """One alert of the reader's."""
    who = await reader(request, None)
    return draw(request, who, "alert", now=service.clock, notification_id=notification_id)
