"""The work report of a date, and what one intends to do on a date to come."""

from collections.abc import Sequence
from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from services.reporting.api.pages.app.reader import Reader, Staff, pages
from services.reporting.api.pages.page import APP
from services.reporting.views import own_days
from shared.events.base import Date

router = pages()

WORDS = (
    *("item.task", "item.quantity", "item.unit", "item.target", "item.no_target", "item.remove", "item.photos"),
    *("item.found", "item.free", "item.norm", "item.photo_failed", "item.photo_working"),
    *("item.empty", "item.number", "draft.saving", "draft.saved", "draft.on_phone", "draft.restored"),
    *(
        "draft.conflict",
        "copy.none",
        "copy.done",
        "copy.left_out",
        "report.sent",
        "intention.kept",
        "report.changed",
    ),
    "item.title",
)


@router.get("/report/")
async def now(reader: Staff) -> Response:
    """The report of the date that the reader is in."""
    async with reader.service.db.read() as tx:
        date = await own_days.running_date(tx, reader.me, reader.now)
    return RedirectResponse(f"{APP}report/{date}", 303, headers={"Cache-Control": "no-store"})


@router.get("/report/{date}", response_class=HTMLResponse)
async def report(reader: Staff, date: Date) -> HTMLResponse:
    """The report of a date: what was handed in and decided, and the editor while it is open."""
    async with reader.service.db.read() as tx:
        own = await own_days.of_date(tx, reader.me, date, reader.now, reader.language)
        work = await own_days.work_of(tx, reader.me, date)
    begun = work.draft or own.report
    return _shown(
        reader,
        "report",
        date,
        own,
        work,
        told={
            "items": _plain(begun.items if begun else ()),
            "saved_at": work.draft.model_dump(mode="json")["saved_at"] if work.draft else None,
            "revision": own.report.revision if own.report else 0,
            "evidence": _plain(work.evidence),
        },
        open=own.report is None or own.report.status != "accepted",
    )


@router.get("/intention/{date}", response_class=HTMLResponse)
async def intention(reader: Staff, date: Date) -> HTMLResponse:
    """What one intends to do on a date, until it begins; after that beside what was reported."""
    async with reader.service.db.read() as tx:
        own = await own_days.of_date(tx, reader.me, date, reader.now, reader.language)
        work = await own_days.work_of(tx, reader.me, date)
    items = work.intention.items if work.intention else ()
    return _shown(
        reader,
        "intention",
        date,
        own,
        work,
        told={"items": _plain(items), "saved_at": None, "revision": 0, "evidence": []},
        open=own_days.may_intend(own, date, reader.now),
    )


def _plain(items: Sequence[BaseModel]) -> list[Any]:
    return [item.model_dump(mode="json") for item in items]


def _shown(  # noqa: PLR0917 - one page for both
    reader: Reader,
    what: str,
    date: Date,
    own: own_days.OwnDay,
    work: own_days.Work,
    told: dict[str, Any],
    *,
    open: bool,
) -> HTMLResponse:
    return reader.show(
        "report.html",
        "report",
        words=WORDS,
        what=what,
        date=date,
        own=own,
        intention=work.intention,
        open=open,
        told={"what": what, "date": str(date), "person": str(reader.me), **told},
    )
