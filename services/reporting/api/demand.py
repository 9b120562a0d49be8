"""The doors of demand: what a queue machine or a telephone system has counted, and who was there for it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from services.reporting.api.figures import Code, Running
from services.reporting.api.periods import Span
from services.reporting.commands import demand as commands
from services.reporting.domain.demand import TARGET_SHARE, DemandIn
from services.reporting.domain.periods import Period, mistakes
from services.reporting.views import demand as views
from services.reporting.views.demand import HalfHours, ImportedDemand, PutDemand
from shared.access import FEED_DEMAND, Principal
from shared.auth import Caller, require
from shared.csvfile import Rejected, refusal
from shared.dates import local_date
from shared.events.base import Date
from shared.query import InstantParam, not_ahead
from shared.refusals import FieldError, Invalid

router = APIRouter(prefix="/reporting/v1", tags=["demand"])

BODY_LIMIT = 8 * 1024 * 1024
MOST_DAYS = 31
"""Of one answer: 1,488 half hours."""

Feeder = Annotated[Principal, Depends(require(FEED_DEMAND))]


@router.post(
    "/demand/imports",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The whole file: unit_id, from (the half hour's beginning, 2025-11-06 08:30 in WIB or "
            "with an offset), arrivals, mean_service_seconds, target_seconds; UTF-8 or UTF-16, comma or semicolon",
            "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def take(*, request: Request, who: Feeder, service: Running, dry_run: bool = False) -> ImportedDemand:
    """Import who came to service points: all rows or none, with every error by row and column. With `dry_run=true`
    nothing is stored.

    A half hour that is known is replaced; one that the file does not name stays. For BKPSDM; an OPD admin for
    their OPD's.
    """
    body = await request.body()
    try:
        outcome = await commands.take(service, who, body, dry_run=dry_run)
    except Rejected as rejected:
        raise refusal(rejected) from rejected
    return ImportedDemand(
        dry_run=dry_run,
        rows=outcome.rows,
        created=outcome.created,
        changed=outcome.changed,
        unchanged=outcome.unchanged,
    )


@router.put("/units/{unit_id}/demand/{date}")
async def put(
    *, unit_id: Code, date: Annotated[Date, Path()], given: DemandIn, who: Feeder, service: Running
) -> PutDemand:
    """Say who came to a service point on a date, so far: the half hours that are over, all of them each time.

    The same again changes nothing. For BKPSDM; an OPD admin for their OPD's.
    """
    outcome = await commands.put(service, who, unit_id, date, given)
    return PutDemand(unit_id=unit_id, date=date, unchanged=outcome.unchanged, **outcome._asdict())


async def dates(
    service: Running,
    date: Annotated[Date | None, Query(description="One local date; that of as_of when all are left out")] = None,
    first: Annotated[Date | None, Query(alias="from", description="First local date, with `to`")] = None,
    last: Annotated[
        Date | None, Query(alias="to", description=f"Last local date, with `from`; at most {MOST_DAYS} days")
    ] = None,
    as_of: Annotated[
        InstantParam | None, Query(description="Instant with an offset, not in the future; now when left out")
    ] = None,
) -> Span:
    """FastAPI dependency: the dates of half hours, from before anybody was planned too: a counter was open all the
    same. Raises Invalid where both or half of the two ways are given."""
    if date is not None and (first or last):
        raise Invalid("validation", errors=[FieldError("date", "half_hours.one_of_two")])
    if (first is None) != (last is None):
        missing = "from" if first is None else "to"
        raise Invalid("validation", errors=[FieldError(missing, "half_hours.one_of_two")])
    now = service.clock.now()
    instant = not_ahead(as_of, now)
    today = local_date(instant)
    period = Period(first or date or today, last or date or today)
    field = "to" if date is None else "date"
    if errors := mistakes(period, today, None):
        raise Invalid("validation", errors=[FieldError(field, one.code, one.params) for one in errors])
    if period.days > MOST_DAYS:
        raise Invalid("validation", errors=[FieldError("to", "half_hours.too_many", {"most": MOST_DAYS})])
    return Span(period, instant)


@router.get("/units/{unit_id}/half-hours")
async def half_hours(
    unit_id: Code,
    asked: Annotated[Span, Depends(dates)],
    _: Caller,
    service: Running,
    share: Annotated[
        float, Query(ge=0.5, le=0.99, description="The share of those who come that is to wait at most the target")
    ] = TARGET_SHARE,
) -> HalfHours:
    """A service point half hour by half hour: who was required, who was there, who came, how many that needs, and
    how many will have waited no longer than the target (Erlang C). For everyone who is signed in."""
    async with service.db.read() as tx:
        return await views.of_dates(tx, unit_id, asked.period.first, asked.period.last, asked.as_of, share)
