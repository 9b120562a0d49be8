"""The door of what was produced."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.reporting.api.figures import Running
from services.reporting.api.periods import Asked
from services.reporting.domain.output import ByOrDay
from services.reporting.domain.periods import AVAILABLE_MINUTES, MOST_AVAILABLE_MINUTES
from services.reporting.views import output as views
from services.reporting.views.output import OutputFigures, Question
from shared.access import READ_OPDS, SMALL_CELLS_MERGED, Principal, may, only_opd
from shared.auth import require
from shared.cursors import Limit, cut, read_cursor
from shared.events.base import MAX_CODE
from shared.refusals import Forbidden

router = APIRouter(prefix="/reporting/v1", tags=["proof"])

OpdCode = Annotated[
    str | None,
    Query(max_length=MAX_CODE, pattern=r"^[^\x00]+$", description="Of one OPD; an OPD admin's own when left out"),
]
AvailableMinutes = Annotated[
    float,
    Query(
        gt=0,
        le=MOST_AVAILABLE_MINUTES,
        allow_inf_nan=False,
        description="Minutes of a person-day that are there for measured work",
    ),
]


def of_opd(who: Principal, opd_code: str | None) -> str | None:
    """The OPD that is asked about, an OPD admin's own; None for the whole city. Raises Forbidden for another's."""
    own = only_opd(who)
    if own is not None and opd_code not in (None, own):
        raise Forbidden("opd.not_yours", params={"own": own or "-"})
    return opd_code if own is None else own


@router.get("/output")
async def output(
    *,
    who: Annotated[Principal, Depends(require(READ_OPDS))],
    asked: Asked,
    service: Running,
    request: Request,
    by: Annotated[ByOrDay, Query(description="What it is added up by")] = "opd",
    opd_code: OpdCode = None,
    available_minutes: AvailableMinutes = AVAILABLE_MINUTES,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> OutputFigures:
    """What was produced in a period by the norms of accepted reports, group by group.

    For BKPSDM, auditors, the council and the OPD's admin. The council sees no group of fewer than five: such
    groups are added up, and others with them where a difference would tell, as `other`. By mode the answer
    compares home with office. The cursor keeps as_of, so that all pages show the same moment.
    """
    after, as_of = None, asked.as_of
    if cursor:
        other, key, opd, then = read_cursor(cursor, int, str, str, dt.datetime)
        after = bool(other), key, opd
        as_of = asked.as_of if "as_of" in request.query_params else then
    question = Question(
        period=asked.period,
        as_of=as_of,
        by=by,
        opd_code=of_opd(who, opd_code),
        available_minutes=available_minutes,
        merging=may(who, SMALL_CELLS_MERGED),
    )
    async with service.db.read() as tx:
        figures = await views.look_at(tx, question)
    left = [item for item in figures.items if after is None or item.place > after]
    page = cut(left[: limit + 1], limit, lambda item: [int(item.place[0]), *item.place[1:], as_of])
    return figures.model_copy(update={"items": page.items, "next": page.next})
