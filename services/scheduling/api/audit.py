"""Who changed what."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.scheduling.api.doors import Running
from services.scheduling.store.audit import Chosen
from services.scheduling.views import audit as views
from services.scheduling.views.audit import AuditRow
from shared.access import READ_AUDIT
from shared.auth import require
from shared.cursors import Page, cut, read_cursor
from shared.dates import midnight
from shared.events.base import Date

router = APIRouter(prefix="/scheduling/v1", tags=["proposals"])
PAGE = 1000


class AuditQuery(BaseModel):
    """Which rows of the audit to show. `action` is one, or the first word of several, such as `proposal`."""

    subject: str | None = None
    action: str | None = None
    officer: str | None = None
    first: Annotated[Date | None, Field(alias="from")] = None
    last: Annotated[Date | None, Field(alias="to")] = None
    cursor: str | None = None

    def chosen(self) -> Chosen:
        since = self.first and midnight(self.first)
        until = self.last and midnight(self.last) + dt.timedelta(1)
        return Chosen(self.subject, self.action, self.officer, since, until)


@router.get("/audit", dependencies=[Depends(require(READ_AUDIT))])
async def read_audit(service: Running, given: Annotated[AuditQuery, Query()]) -> Page[AuditRow]:
    """Who changed what, newest first: by subject, officer, action, or local dates, both included."""
    (before,) = read_cursor(given.cursor, int) if given.cursor else (2**62,)
    async with service.db.read() as tx:
        rows = await views.rows(tx, given.chosen(), before, PAGE + 1)
    return cut(rows, PAGE, lambda row: (row.audit_id,))
