"""CSV in."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from services.scheduling.api.doors import Running, or_waits
from services.scheduling.commands.imports import file
from services.scheduling.commands.imports.file import Outcome, Watch
from services.scheduling.commands.imports.kind import Order
from services.scheduling.commands.imports.kinds import Kind
from services.scheduling.views import proposals
from services.scheduling.views.answer import MOST, Answer, Dated, Json, Some, dated, some
from services.scheduling.views.changes import UnitShortage
from services.scheduling.views.people import Withheld
from services.scheduling.views.proposals import ProposalInFull
from services.scheduling.views.superiors import LeftBehind, WithoutSuperior
from shared import failures
from shared.access import MANAGE_DIRECTORY, Principal
from shared.auth import require
from shared.csvfile import Rejected, RowError, refusal
from shared.http import Problem, ProblemBody, as_problem, internal, problem_body
from shared.messages import Language, language_of, text
from shared.personal import Reason
from shared.refusals import Refused

log = logging.getLogger(__name__)

router = APIRouter(prefix="/scheduling/v1/imports", tags=["imports"])
BODY_LIMIT = 32 * 1024 * 1024


class Options(BaseModel):
    """How to take a file; `reason` is due where it alters days late."""

    dry_run: bool = False
    progress: bool = False
    replace: bool = False
    reason: Reason | None = None


class Change(Answer):
    """A record that a file makes or alters: the first row it comes from, and the fields that differ."""

    row: int
    change: str
    columns: Sequence[str]


class Warned(Answer):
    """Odd but allowed, by row and column."""

    row: int
    column: str
    code: str
    message: str


class ImportResult(Answer):
    """Counts, and of each list the first thousand.

    `below_minimum`: stretches of opening hours in which a counter loses people that its minimum needs.
    `needs_roster`: dates with published plans that a new roster has to mend. `removed`: rows that were stored and
    are not any more; `cleared`: stored values that an empty cell takes away; `kept`: stored holidays that the file
    does not name, which `replace=true` would remove. `withheld`: stored entries that cannot be published as they
    are, with what to mend.
    """

    kind: Kind
    dry_run: bool
    rows: int
    created: int
    changed: int
    unchanged: int
    changes: Sequence[Change]
    applied: bool
    plans: int
    past_person_days: int
    below_minimum: Some[UnitShortage]
    needs_roster: Some[Dated]
    removed: Some[Json]
    cleared: Some[Json]
    withheld: Some[Withheld]
    left_behind: Some[LeftBehind]
    without_superior: Some[WithoutSuperior]
    kept: Some[Json]
    proposal: ProposalInFull | None
    warnings: Sequence[Warned]

    @property
    def status(self) -> int:
        return 200 if self.proposal is None else 202


class Ended(Answer):
    """The last line of a stream: the status that the answer has without one, and the result or the problem."""

    status: int
    result: ImportResult | None = None
    problem: ProblemBody | None = None


class Stage(Answer):
    """A line of a stream: what is done by now, with the rows, records or events it is about."""

    stage: str
    count: int


class StageLines(StreamingResponse):
    """JSON lines, one for each stage and one for the end."""

    media_type = "application/x-ndjson"


@router.post(
    "/{kind}",
    response_model=ImportResult,
    responses={200: {"content": {StageLines.media_type: {"schema": {"type": "string"}}}}} | or_waits(ImportResult),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The whole file: a header line, then one row each; UTF-8 or UTF-16, comma or semicolon",
            "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_csv(
    kind: Kind,
    request: Request,
    response: Response,
    *,
    service: Running,
    who: Annotated[Principal, Depends(require(MANAGE_DIRECTORY))],
    options: Annotated[Options, Query()],
) -> ImportResult | StageLines:
    """Take a CSV file whole or not at all. With `dry_run=true` nothing is stored.

    What a file alters about published days that are over or have begun becomes a proposal for a second officer:
    202 with the person-days, and a `reason` is due. Holidays that are stored and not in the file stay, unless
    `replace=true`.
    With `progress=true` the answer is a stream of JSON lines, one for each stage; the last one has `status` and
    the result, or the problem.
    """
    body = await request.body()
    language = language_of(request.headers.get("accept-language"))

    async def work(watch: Watch) -> ImportResult:
        order = Order(who, dry_run=options.dry_run, replace=options.replace, reason=options.reason)
        try:
            outcome = await file.take(service.db, kind, body, service.clock, order, watch=watch)
        except Rejected as rejected:
            raise refusal(rejected) from rejected
        proposal = None
        if outcome.proposal is not None:
            async with service.db.read() as tx:
                proposal = await proposals.in_full(tx, outcome.proposal.proposal_id)
        return _result(kind, outcome, proposal, language, dry_run=options.dry_run)

    if options.progress:
        return StageLines(_lines(work, language))
    result = await work(file.silent)
    response.status_code = result.status
    return result


def _result(
    kind: Kind, outcome: Outcome, proposal: ProposalInFull | None, language: Language, *, dry_run: bool
) -> ImportResult:
    return ImportResult(
        kind=kind,
        dry_run=dry_run,
        rows=outcome.rows,
        created=outcome.created,
        changed=outcome.changed,
        unchanged=outcome.unchanged,
        changes=[Change.model_validate(change) for change in outcome.changes[:MOST]] if dry_run else [],
        applied=outcome.applied,
        plans=outcome.plans,
        past_person_days=outcome.past_person_days,
        below_minimum=some(outcome.below_minimum),
        needs_roster=dated(outcome.needs_roster),
        removed=some(outcome.removed),
        cleared=some(outcome.cleared),
        withheld=some(outcome.withheld),
        left_behind=some(outcome.to_mend.left_behind),
        without_superior=some(outcome.to_mend.without_superior),
        kept=some(outcome.kept),
        proposal=proposal,
        warnings=[_warning(doubt, language) for doubt in outcome.doubts[:MOST]],
    )


def _warning(doubt: RowError, language: Language) -> Warned:
    message = text(doubt.code, language, **doubt.params)
    return Warned(row=doubt.row, column=doubt.column, code=doubt.code, message=message)


def _failed(error: Exception) -> Problem:
    """A work that failed: nothing was stored, and trying again helps only if storage was away."""
    if failures.is_away(error):
        return Problem(503, "unavailable")
    log.error("an import failed")
    return internal()


async def _lines(
    work: Callable[[Watch], Awaitable[ImportResult]], language: Language
) -> AsyncGenerator[str, None]:
    """The stages as they come, then the end. The work goes on to its end even if nobody reads any more."""
    stages: asyncio.Queue[Stage | None] = asyncio.Queue()
    task = asyncio.ensure_future(work(lambda stage, count: stages.put_nowait(Stage(stage=stage, count=count))))
    task.add_done_callback(lambda _task: stages.put_nowait(None))
    while (stage := await stages.get()) is not None:
        yield _line(stage)
    try:
        result = await task
        yield _line(Ended(status=result.status, result=result))
    except Refused as refused:
        yield _line(_ended(as_problem(refused), language))
    except Exception as error:
        yield _line(_ended(_failed(error), language))
        raise


def _ended(problem: Problem, language: Language) -> Ended:
    return Ended(status=problem.status_code, problem=problem_body(problem, language))


def _line(line: Stage | Ended) -> str:
    # A line of the end has a result or a problem; a null inside either is said.
    return line.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
