"""CSV in."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from services.scheduling.commands import imports
from services.scheduling.domain.csvfile import MAX_ERRORS, Rejected, RowError
from services.scheduling.domain.imports import Kind
from shared.auth import require
from shared.http import FieldError, Problem, language_of
from shared.messages import text
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/imports", tags=["imports"])
BODY_LIMIT = 32 * 1024 * 1024


def _field_error(error: RowError) -> FieldError:
    where = {"row": error.row, "column": error.column, "code": error.code}
    return FieldError(f"{error.row}.{error.column}", error.code, error.params, where)


@router.post("/{kind}", dependencies=[Depends(require("bkpsdm"))])
async def import_csv(
    kind: Kind,
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    dry_run: Annotated[bool, Query()] = False,
) -> dict[str, Any]:
    """Take a CSV file whole or not at all. With `dry_run=true` nothing is stored."""
    body = await request.body()
    try:
        outcome = await imports.run(service.db, kind, body, service.clock.now(), dry_run=dry_run)
    except Rejected as rejected:
        errors = sorted(rejected.errors, key=lambda error: error.row)
        raise Problem(
            422,
            "import.rejected",
            params={"count": len(errors)},
            errors=[_field_error(error) for error in errors[:MAX_ERRORS]],
            extra={"total_errors": len(errors)},
        ) from rejected
    language = language_of(request.headers.get("accept-language"))
    answer = imports.as_json(kind, outcome, dry_run=dry_run)
    answer["warnings"] = [
        {"row": one.row, "column": one.column, "code": one.code, "message": text(one.code, language, **one.params)}
        for one in outcome.doubts[:1000]
    ]
    return answer
