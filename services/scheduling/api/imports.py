"""CSV in."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from services.scheduling.commands import imports
from services.scheduling.commands.imports import Watch
from services.scheduling.domain.csvfile import MAX_ERRORS, Rejected, RowError
from services.scheduling.domain.imports import Kind
from shared.auth import require
from shared.http import FieldError, Problem, problem_body
from shared.messages import Language, language_of, text
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/imports", tags=["imports"])
BODY_LIMIT = 32 * 1024 * 1024


def _field_error(error: RowError) -> FieldError:
    where = {"row": error.row, "column": error.column, "code": error.code}
    return FieldError(f"{error.row}.{error.column}", error.code, error.params, where)


def _rejection(rejected: Rejected) -> Problem:
    errors = sorted(rejected.errors, key=lambda error: error.row)
    return Problem(
        422,
        "import.rejected",
        params={"count": len(errors)},
        errors=[_field_error(error) for error in errors[:MAX_ERRORS]],
        extra={"total_errors": len(errors)},
    )


@router.post("/{kind}", dependencies=[Depends(require("bkpsdm"))])
async def import_csv(
    kind: Kind,
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    dry_run: Annotated[bool, Query()] = False,
    progress: Annotated[bool, Query()] = False,
) -> Any:
    """Take a CSV file whole or not at all. With `dry_run=true` nothing is stored.

    With `progress=true` the answer is a stream of JSON lines, one for each stage; the last one has `status` and
    the result, or the problem.
    """
    body = await request.body()
    language = language_of(request.headers.get("accept-language"))

    async def work(watch: Watch) -> dict[str, Any]:
        now = service.clock.now()
        outcome = await imports.run(service.db, kind, body, now, dry_run=dry_run, watch=watch)
        answer = imports.as_json(kind, outcome, dry_run=dry_run)
        answer["warnings"] = [_warning(one, language) for one in outcome.doubts[:1000]]
        return answer

    if progress:
        return StreamingResponse(_lines(work, language), media_type="application/x-ndjson")
    try:
        return await work(imports.silent)
    except Rejected as rejected:
        raise _rejection(rejected) from rejected


def _warning(one: RowError, language: Language) -> dict[str, Any]:
    message = text(one.code, language, **one.params)
    return {"row": one.row, "column": one.column, "code": one.code, "message": message}


async def _lines(work: Any, language: Language) -> AsyncGenerator[str, None]:
    """The stages as they come, then the end. The work goes on to its end even if nobody reads any more."""
    stages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    task = asyncio.ensure_future(work(lambda stage, count: stages.put_nowait({"stage": stage, "count": count})))
    task.add_done_callback(lambda _: stages.put_nowait(None))
    while (line := await stages.get()) is not None:
        yield json.dumps(line) + "\n"
    try:
        last = {"status": 200, "result": await task}
    except Rejected as rejected:
        last = {"status": 422, "problem": problem_body(_rejection(rejected), language)}
    except Exception:
        unavailable = Problem(503, "unavailable")
        yield json.dumps({"status": 503, "problem": problem_body(unavailable, language)}) + "\n"
        raise
    yield json.dumps(last) + "\n"
