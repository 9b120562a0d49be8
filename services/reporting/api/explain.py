"""The door that says what a figure is made of."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from services.reporting.api.figures import Running
from services.reporting.api.output import AvailableMinutes, OpdCode, of_opd
from services.reporting.api.periods import Asked
from services.reporting.domain.explain import Told
from services.reporting.domain.periods import AVAILABLE_MINUTES, DUTY_OF, MetricName
from services.reporting.views import explain as views
from services.reporting.views.explain import After, Explanation, Question
from shared.access import READ_OPDS, READ_PEOPLE, SMALL_CELLS_MERGED, Principal, may
from shared.auth import require
from shared.cursors import Limit, cut, read_cursor
from shared.refusals import FieldError, Invalid

router = APIRouter(prefix="/reporting/v1", tags=["proof"])


@router.get("/explain")
async def explain(
    *,
    who: Annotated[Principal, Depends(require(READ_OPDS))],
    asked: Asked,
    service: Running,
    request: Request,
    figure: Annotated[MetricName, Query(description="Which figure of the period")],
    opd_code: OpdCode = None,
    state: Annotated[Told | None, Query(description="Of a duty's rate: those in this state alone")] = None,
    available_minutes: AvailableMinutes = AVAILABLE_MINUTES,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> Explanation:
    """A figure of a period: its formula in words, its parts, and the person-days or counters' dates behind it.

    For BKPSDM, auditors and the OPD's admin; the council gets the formula and the parts, and of coverage, where no
    person is, the counters. Each item leads to its events. The cursor keeps as_of, so that all pages agree.
    """
    if state is not None and figure not in DUTY_OF:
        known = ", ".join(DUTY_OF)
        raise Invalid("validation", errors=[FieldError("state", "explain.no_state", {"figures": known})])
    after, as_of = None, asked.as_of
    if cursor:
        of = str if figure == "coverage_attainment" else UUID
        date, key, then = read_cursor(cursor, dt.date, of, dt.datetime)
        after, as_of = After(date, str(key)), asked.as_of if "as_of" in request.query_params else then
    question = Question(
        figure=figure,
        period=asked.period,
        as_of=as_of,
        opd_code=of_opd(who, opd_code),
        available_minutes=available_minutes,
        state=state,
        people=may(who, READ_PEOPLE),
        merging=may(who, SMALL_CELLS_MERGED),
    )
    async with service.db.read() as tx:
        found = await views.explained(tx, question, after, limit + 1)
    page = cut(found.items, limit, lambda item: [item.work_date, item.unit_id or item.employee_id or "", as_of])
    return found.model_copy(update={"items": page.items, "next": page.next})
