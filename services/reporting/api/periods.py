"""Which span of work dates a door is asked about, and as of when: one reading for all doors of periods."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from services.reporting.api.figures import Running
from services.reporting.domain.kept import check_kept
from services.reporting.domain.periods import LONGEST_DAYS, Period, mistakes
from services.reporting.views import periods as views
from shared.dates import local_date
from shared.events.base import Date
from shared.query import InstantParam, not_ahead
from shared.refusals import Invalid
from shared.service import Service


@dataclass(frozen=True, slots=True)
class Span:
    """A period, and the instant that it is looked at."""

    period: Period
    as_of: dt.datetime


async def span(
    service: Running,
    first: Annotated[Date, Query(alias="from", description="First local work date", examples=["2025-11-03"])],
    last: Annotated[
        Date,
        Query(
            alias="to",
            description=f"Last local work date, not after the date of as_of; at most {LONGEST_DAYS} days",
            examples=["2025-11-28"],
        ),
    ],
    as_of: Annotated[
        InstantParam | None,
        Query(
            description="Instant with an offset, not in the future; now when left out",
            examples=["2025-12-01T08:00:00+07:00"],
        ),
    ] = None,
) -> Span:
    """FastAPI dependency: `from`, `to` and `as_of` of a view of a period. Raises as `checked` does."""
    return await checked(service, Period(first, last), as_of)


async def checked(service: Service, period: Period, as_of: dt.datetime | None, most: int = LONGEST_DAYS) -> Span:
    """A period as it may be looked at.

    Raises Invalid for one that is reversed, longer than `most` days, in the future of as_of or over before
    anything was known, and Missing for dates that are no longer kept.
    """
    now = service.clock.now()
    instant = not_ahead(as_of, now)
    check_kept(period.first, local_date(now), service.settings.keep_facts_months)
    async with service.db.read() as tx:
        known = await views.first_date(tx)
    if errors := mistakes(period, local_date(instant), known, most):
        raise Invalid("validation", errors=errors)
    return Span(period, instant)


Asked = Annotated[Span, Depends(span)]
