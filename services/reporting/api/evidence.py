"""The doors of evidence files: in by their owner; out to them, their superiors and auditors, never to be run."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from services.reporting.api.figures import Running
from services.reporting.api.kept import WrittenDate
from services.reporting.commands import evidence as commands
from services.reporting.commands.evidence import Given
from services.reporting.domain.evidence import MEDIA_TYPES, MOST_BYTES
from services.reporting.views import evidence as views
from services.reporting.views.evidence import EvidenceView
from shared.auth import Caller, Employee
from shared.cursors import Page
from shared.events.base import Date
from shared.files import Files, NoFile
from shared.http import Problem
from shared.refusals import FieldError, Invalid, Missing

router = APIRouter(prefix="/reporting/v1", tags=["evidence"])

BODY_LIMIT = MOST_BYTES + 64 * 1024
"""A form has some lines around the file."""
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }
}


def files_of(request: Request) -> Files:
    """FastAPI dependency: where files stand."""
    return request.app.state.files


Kept = Annotated[Files, Depends(files_of)]


class EvidenceFile(Response):
    """A file that a stranger made: to be saved, never shown as a page nor run, and kept by no cache on the way."""

    media_type = "application/octet-stream"


@router.post(
    "/me/reports/{work_date}/evidence",
    status_code=201,
    responses={200: {"model": EvidenceView, "description": "The same file of the same day was there already"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "JPEG, PNG, WebP or PDF, at most 10 MB: as a form with a field `file`, or as the body",
            "content": {"multipart/form-data": _FORM, **dict.fromkeys(MEDIA_TYPES, _BINARY)},
        }
    },
)
async def add(
    *,
    work_date: WrittenDate,
    employee_id: Employee,
    service: Running,
    files: Kept,
    request: Request,
    response: Response,
    name: Annotated[
        str | None, Query(max_length=1000, description="What the file is called; in a form its own")
    ] = None,
) -> EvidenceView:
    """Keep a file as evidence of a work date; an item of the report names it by `evidence_id`.

    What it is follows from what is in it. A picture is drawn anew, upright and at most 2,560 pixels long: place,
    time and device that the camera noted do not stay. A PDF stays as it is (`metadata` says which).
    """
    given = await _given(request, name)
    added = await commands.add(service.db, files, service.clock, employee_id, work_date, given)
    response.status_code = 201 if added.created else 200
    return added.evidence


async def _given(request: Request, name: str | None) -> Given:
    """The file of a form, or the whole body."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return Given(await request.body(), name)
    try:
        async with request.form(max_files=1, max_fields=8) as form:
            file = form.get("file")
            if isinstance(file, UploadFile):
                return Given(await file.read(), file.filename or name)
    except Problem:
        raise
    except HTTPException as error:
        raise Invalid("validation", errors=[FieldError("body", "evidence.form")]) from error
    raise Invalid("validation", errors=[FieldError("file", "evidence.form")])


@router.get("/me/reports/{work_date}/evidence")
async def own_evidence(work_date: Date, employee_id: Employee, service: Running) -> Page[EvidenceView]:
    """One's own files of a work date, in the order in which they came; those that were purged say when."""
    async with service.db.read() as tx:
        return Page(items=await views.own(tx, employee_id, work_date))


@router.delete("/me/reports/{work_date}/evidence/{evidence_id}", status_code=204)
async def take_back(
    *, work_date: Date, evidence_id: UUID, employee_id: Employee, service: Running, files: Kept
) -> None:
    """Take back a file of one's own, until a report has named it: 409 after that. Again: nothing happens."""
    await commands.take_back(service.db, files, service.clock, employee_id, work_date, evidence_id)


@router.get("/people/{employee_id}/days/{date}/evidence")
async def evidence_of(employee_id: UUID, date: Date, who: Caller, service: Running) -> Page[EvidenceView]:
    """The files that somebody's report of a work date has named. For the person, their superiors and auditors."""
    async with service.db.read() as tx:
        return Page(items=await views.of_person(tx, who, employee_id, date))


@router.get(
    "/evidence/{evidence_id}",
    response_class=EvidenceFile,
    responses={200: {"description": "The file", "content": dict.fromkeys(MEDIA_TYPES, _BINARY)}},
)
async def read_evidence(evidence_id: UUID, who: Caller, service: Running, files: Kept) -> Response:
    """One file. For the person, and once a report has named it for their superiors and auditors; 404 for everyone
    else, and after it was purged."""
    async with service.db.read() as tx:
        evidence = await views.readable(tx, who, evidence_id)
    try:
        body = await files.get(evidence.key)
    except NoFile as error:
        raise Missing("evidence.lost") from error
    return EvidenceFile(
        body,
        headers={
            "Content-Disposition": f'attachment; filename="{evidence.download_name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        },
        media_type=evidence.media_type,
    )
