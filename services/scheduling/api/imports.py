"""CSV in."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from services.scheduling.commands import imports
from services.scheduling.commands.imports import Order, Watch
from services.scheduling.domain.csvfile import MAX_ERRORS, Rejected, RowError
from services.scheduling.domain.imports import Kind
from services.scheduling.views import proposals
from shared import failures
from shared.access import MANAGE_DIRECTORY, Principal
from shared.auth import require
from shared.http import Problem, as_problem, problem_body
from shared.messages import Language, language_of, text
from shared.personal import Reason
from shared.refusals import FieldError, Invalid, Refused
from shared.service import Service, service_of
from shared.telemetry import new_traceparent

log = logging.getLogger(__name__)

router = APIRouter(prefix="/scheduling/v1/imports", tags=["imports"])
BODY_LIMIT = 32 * 1024 * 1024


def _field_error(error: RowError) -> FieldError:
    where = {"row": error.row, "column": error.column, "code": error.code}
    return FieldError(f"{error.row}.{error.column}", error.code, error.params, where)


def _rejection(rejected: Rejected) -> Invalid:
    errors = sorted(rejected.errors, key=lambda error: error.row)
    return Invalid(
        "import.rejected",
        params={"count": len(errors)},
        errors=[_field_error(error) for error in errors[:MAX_ERRORS]],
        extra={"total_errors": len(errors)},
    )


class Options(BaseModel):
    """How to take a file; `reason` is due where it alters days late."""

    dry_run: bool = False
    progress: bool = False
    replace: bool = False
    reason: Reason | None = None


@router.post("/{kind}")
async def import_csv(
    kind: Kind,
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    who: Annotated[Principal, Depends(require(MANAGE_DIRECTORY))],
    options: Annotated[Options, Query()],
) -> Any:
    """Take a CSV file whole or not at all. With `dry_run=true` nothing is stored.

    What a file alters about published days that are over or have begun becomes a proposal for a second officer:
    202 with the person-days, and a `reason` is due. Holidays that are stored and not in the file stay, unless
    `replace=true`.
    With `progress=true` the answer is a stream of JSON lines, one for each stage; the last one has `status` and
    the result, or the problem.
    """
    body = await request.body()
    language = language_of(request.headers.get("accept-language"))

    async def work(watch: Watch) -> dict[str, Any]:
        order = Order(who, dry_run=options.dry_run, replace=options.replace, reason=options.reason)
        outcome = await imports.run(service.db, kind, body, service.clock, order, watch=watch)
        answer = imports.as_json(kind, outcome, dry_run=options.dry_run)
        answer["proposal"] = None
        if outcome.proposal is not None:
            async with service.db.read() as tx:
                proposal = await proposals.in_full(tx, outcome.proposal.proposal_id)
            answer["proposal"] = proposal.model_dump(mode="json")
        answer["warnings"] = [_warning(one, language) for one in outcome.doubts[:1000]]
        return answer

    if options.progress:
        return StreamingResponse(_lines(work, language), media_type="application/x-ndjson")
    try:
        answer = await work(imports.silent)
    except Rejected as rejected:
        raise _rejection(rejected) from rejected
    return JSONResponse(answer, status_code=_status(answer))


def _status(answer: dict[str, Any]) -> int:
    return 200 if answer["proposal"] is None else 202


def _warning(one: RowError, language: Language) -> dict[str, Any]:
    message = text(one.code, language, **one.params)
    return {"row": one.row, "column": one.column, "code": one.code, "message": message}


def _failed(error: Exception, language: Language) -> dict[str, Any]:
    """The last line of a work that failed: nothing was stored, and trying again helps only if storage was away."""
    away = failures.is_away(error)
    trace = "-" if away else new_traceparent().split("-")[1]
    problem = Problem(503, "unavailable") if away else Problem(500, "internal", params={"trace": trace})
    if not away:
        log.error("an import failed", extra={"fields": {"trace": trace}})
    return {"status": problem.status_code, "problem": problem_body(problem, language).model_dump(mode="json")}


def _refusal(refused: Refused, language: Language) -> dict[str, Any]:
    problem = as_problem(refused)
    return {"status": problem.status_code, "problem": problem_body(problem, language).model_dump(mode="json")}


async def _lines(work: Callable[[Watch], Awaitable[Any]], language: Language) -> AsyncGenerator[str, None]:
    """The stages as they come, then the end. The work goes on to its end even if nobody reads any more."""
    stages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    task = asyncio.ensure_future(work(lambda stage, count: stages.put_nowait({"stage": stage, "count": count})))
    task.add_done_callback(lambda _task: stages.put_nowait(None))
    while (line := await stages.get()) is not None:
        yield json.dumps(line) + "\n"
    try:
        answer = await task
        last = {"status": _status(answer), "result": answer}
    except Rejected as rejected:
        last = _refusal(_rejection(rejected), language)
    except Refused as refused:
        last = _refusal(refused, language)
    except Exception as error:
        yield json.dumps(_failed(error, language)) + "\n"
        raise
    yield json.dumps(last) + "\n"
