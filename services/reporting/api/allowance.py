"""The doors of the allowance's rates; what they would leave stands in the months (api/monthly.py)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.reporting.commands import allowance as commands
from services.reporting.views import allowance as views
from services.reporting.views.allowance import GivenRates, RatesView
from shared.access import GOVERN, Principal
from shared.auth import Caller, require
from shared.csvfile import Rejected, refusal
from shared.cursors import Page
from shared.events.base import MAX_CODE, Date
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/v1/allowance/rates", tags=["months"])

Running = Annotated[Service, Depends(service_of)]
Version = Annotated[
    str, Query(min_length=1, max_length=MAX_CODE, pattern=r"^[A-Za-z0-9._-]+$", examples=["2026-a"])
]


@router.post(
    "",
    status_code=201,
    responses={200: {"model": GivenRates, "description": "It was given before, or this is a dry run"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The whole file: kind (late, early, absent, report, output), from_minutes (where "
            "a band of late or early begins, else empty), rate (0 to 1); UTF-8 or UTF-16, comma or semicolon",
            "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def give(
    *,
    rates_version: Version,
    effective_from: Annotated[Date, Query(description="It holds for months that begin then or later")],
    request: Request,
    response: Response,
    who: Annotated[Principal, Depends(require(GOVERN))],
    service: Running,
    dry_run: bool = False,
) -> GivenRates:
    """Give a version of the rates: all rows or none, with every error by row and column. For BKPSDM.

    The content of a version never changes: the same again is answered with 200, another with 409. With
    `dry_run=true` nothing is stored.
    """
    body = await request.body()
    try:
        rates, created = await commands.take(
            service.db, service.clock, who, rates_version, effective_from, body, dry_run=dry_run
        )
    except Rejected as rejected:
        raise refusal(rejected) from rejected
    stored = created and not dry_run
    response.status_code = 201 if stored else 200
    return GivenRates(**dict(views.rates_view(rates)), created=stored, dry_run=dry_run)


@router.get("")
async def versions(_who: Caller, service: Running) -> Page[RatesView]:
    """Every version of the rates, the newest first. For everyone signed in: whoever is judged may know by what."""
    async with service.db.read() as tx:
        return Page(items=await views.versions(tx))
