"""The doors of the catalogue of tasks: a file in, a search for whoever writes a report."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from services.reporting.commands import catalogue as commands
from services.reporting.views import catalogue as views
from services.reporting.views import reports
from services.reporting.views.catalogue import Change, ImportedTasks, TaskView
from shared.access import MANAGE_CATALOGUE, Principal
from shared.auth import Caller, require
from shared.csvfile import Rejected, refusal
from shared.cursors import Limit, Page, cut, read_cursor
from shared.dates import local_date
from shared.events.base import MAX_CODE, Date
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/v1/catalogue", tags=["catalogue of tasks"])

BODY_LIMIT = 8 * 1024 * 1024
MOST = 1000
"""Changes that a dry run lists."""

Running = Annotated[Service, Depends(service_of)]
Text = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]
Code = Annotated[str, Query(max_length=MAX_CODE, pattern=r"^[^\x00]*$")]


@router.post(
    "/imports",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The whole file: task_code, name, unit, norm_minutes, opd_code (empty: every OPD), "
            "effective_from, active; UTF-8 or UTF-16, comma or semicolon",
            "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def take(
    *,
    request: Request,
    who: Annotated[Principal, Depends(require(MANAGE_CATALOGUE))],
    service: Running,
    dry_run: bool = False,
) -> ImportedTasks:
    """Import tasks: all rows or none, with every error by row and column. With `dry_run=true` nothing is stored.

    A task that is known changes from tomorrow on, by a row with a later `effective_from`; tasks that the file does
    not name stay. `active` false ends a task from that date on.
    """
    body = await request.body()
    try:
        outcome = await commands.take(service.db, service.clock, who, body, dry_run=dry_run)
    except Rejected as rejected:
        raise refusal(rejected) from rejected
    created = sum(change.change == "created" for change in outcome.changes)
    listed = outcome.changes[:MOST] if dry_run else []
    return ImportedTasks(
        dry_run=dry_run,
        rows=outcome.rows,
        created=created,
        changed=len(outcome.changes) - created,
        unchanged=outcome.rows - len(outcome.changes),
        changes=[Change(row=one.row, change=one.change, columns=one.columns) for one in listed],
    )


@router.get("")
async def search(
    who: Caller,
    service: Running,
    *,
    q: Text = "",
    opd_code: Code | None = None,
    date: Date | None = None,
    limit: Limit = 100,
    cursor: str | None = None,
) -> Page[TaskView]:
    """Tasks whose code or name holds every word of `q`, or its beginning; an office's own come first.

    Those that every OPD has, and those of `opd_code`: the caller's own when left out. `date` is the work date on
    which they are in force, today when left out.
    """
    day = date or local_date(service.clock.now())
    after = read_cursor(cursor, int, str) if cursor else None
    async with service.db.read() as tx:
        if opd_code is None and who.subject is not None:
            opd_code = await reports.opd_of(tx, who.subject, day)
        place: tuple[int, str] | None = None if after is None else (min(max(after[0], 0), 1), after[-1])
        found = await views.search(tx, day, opd_code, q, place, limit + 1)
    return cut(found, limit, views.place_of)


@router.get("/{task_code}")
async def versions(
    task_code: Annotated[str, Path(max_length=MAX_CODE, pattern=r"^[^\x00]+$")], _who: Caller, service: Running
) -> Page[TaskView]:
    """Every version of a task, the oldest first; 404 for a code that nobody has imported."""
    async with service.db.read() as tx:
        return Page(items=await views.versions(tx, task_code))
