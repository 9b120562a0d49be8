"""One's own days: a month at a glance, and each of them with its reasons."""

import datetime as dt
from typing import Annotated

from fastapi import Query
from fastapi.responses import HTMLResponse

from services.reporting.api.pages.app.reader import Staff, pages
from services.reporting.views import own_days
from shared.dates import months, weekdays
from shared.events import DUTIES
from shared.events.base import FIRST_DATE, LAST_DATE, Date

router = pages()

Month = Annotated[str | None, Query(pattern=r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])$")]


@router.get("/days/", response_class=HTMLResponse)
async def days(reader: Staff, month: Month = None) -> HTMLResponse:
    """A month, this one when it is left out, with the states of what is over and the plans of what comes."""
    first = reader.today.replace(day=1) if month is None else dt.date.fromisoformat(f"{month}-01")
    async with reader.service.db.read() as tx:
        shown = await own_days.month(tx, reader.me, first, reader.now)
    before, after = first - dt.timedelta(days=1), shown[-1].date + dt.timedelta(days=1)
    return reader.show(
        "days.html",
        "days",
        month=f"{months(reader.language)[first.month - 1]} {first.year}",
        weekdays=[name[:3] for name in weekdays(reader.language)],
        days=shown,
        before=f"{before:%Y-%m}" if before >= FIRST_DATE else None,
        after=f"{after:%Y-%m}" if after <= LAST_DATE else None,
        duties=DUTIES,
    )


@router.get("/days/{date}", response_class=HTMLResponse)
async def day(reader: Staff, date: Date) -> HTMLResponse:
    """One date: what was to be done, what is recorded, and why it was judged so."""
    async with reader.service.db.read() as tx:
        own = await own_days.of_date(tx, reader.me, date, reader.now, reader.language)
    return reader.show(
        "day.html",
        "days",
        own=own,
        duties=DUTIES,
        to_come=date > reader.today,
        before=date - dt.timedelta(days=1) if date > FIRST_DATE else None,
        after=date + dt.timedelta(days=1) if date < LAST_DATE else None,
    )
