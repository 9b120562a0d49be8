"""The door of the audit, the same in every service that has one."""

import datetime as dt
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from shared.access import READ_AUDIT
from shared.audit import AuditRow, Chosen, entries
from shared.auth import require
from shared.cursors import Limit, Page, cut, read_cursor
from shared.dates import midnight
from shared.events.base import Date
from shared.service import Service, service_of

Shown = TypeVar("Shown", bound=AuditRow)


class AuditQuery(BaseModel):
    """Which entries of an audit to show. `action` is one, or the first word of several, such as `proposal`."""

    subject: str | None = None
    action: str | None = None
    officer: str | None = None
    first: Annotated[Date | None, Field(alias="from")] = None
    last: Annotated[Date | None, Field(alias="to")] = None
    limit: Limit = 1000
    cursor: str | None = None

    def chosen(self) -> Chosen:
        since = self.first and midnight(self.first)
        until = self.last and midnight(self.last) + dt.timedelta(1)
        return Chosen(self.subject, self.action, self.officer, since, until)


def router(prefix: str, model: type[Shown], tag: str | None = None) -> APIRouter:
    """`GET <prefix>/audit`, whose items are `model`: an entry, or what a service adds to it."""
    doors = APIRouter(prefix=prefix, tags=[tag] if tag else None)

    @doors.get("/audit", dependencies=[Depends(require(READ_AUDIT))], response_model=Page[model])
    async def read_audit(
        service: Annotated[Service, Depends(service_of)], wanted: Annotated[AuditQuery, Query()]
    ) -> Page[Shown]:
        """Who decided what, newest first: by subject, officer, action, or local dates, both included."""
        (before,) = read_cursor(wanted.cursor, int) if wanted.cursor else (2**62,)
        async with service.db.read() as tx:
            found = await entries(tx, wanted.chosen(), before=before, limit=wanted.limit + 1)
        rows = [model.model_validate(entry.model_dump()) for entry in found]
        return cut(rows, wanted.limit, lambda row: [row.audit_id])

    return doors
