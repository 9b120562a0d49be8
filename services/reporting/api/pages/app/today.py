"""Today: what is to be done and where, checking in and out, what is due and how it stands."""

from fastapi.responses import HTMLResponse

from services.reporting.api.pages.app.reader import Staff, pages
from services.reporting.views import own_days
from services.reporting.views.own_days import kept
from shared.events import DUTIES

router = pages()


@router.get("/", response_class=HTMLResponse)
async def today(reader: Staff) -> HTMLResponse:
    """The date that the reader is in, drawn from reporting's own facts."""
    async with reader.service.db.read() as tx:
        shown = await own_days.today(tx, reader.me, reader.now, reader.language)
    own = shown.own
    return reader.show(
        "today.html",
        "today",
        name=shown.name,
        own=own,
        coming=[plan for plan in shown.coming if plan.work_date > own.day.work_date][:5],
        duties=DUTIES,
        told={
            "person": str(reader.me),
            "name": shown.name,
            "now": reader.now.isoformat(),
            "work_date": str(own.day.work_date),
            "deadline": own.deadline.isoformat() if own.deadline else None,
            "place_useful": own.needs_place,
            "plans": [kept(plan, reader.language).model_dump() for plan in shown.coming],
        },
    )
