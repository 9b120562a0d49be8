"""The places whose lists belong to other services: drawn empty, filled by script from their doors."""

import datetime as dt

from fastapi.responses import HTMLResponse

from services.reporting.api.pages.app.reader import Staff, pages
from services.reporting.views import own_days
from shared.events.base import Date

router = pages()

STATES = ("open", "granted", "refused", "withdrawn")
KINDS = ("missed_punch", "own_line", "wrong_key", "wrong_place", "appeal", "leave", "duty_travel", "amendment")
LEAVES = ("annual", "sick", "important", "permission", "maternity", "long", "unpaid")
"""The kinds of leave (PP 11/2017), the usual ones first."""
FLAGS = ("open", "vouched", "dismissed", "unproven")
INBOX_WORDS = ("inbox.none", "inbox.acknowledged", "inbox.answered.yes", "inbox.answered.no")
ASKED_DAYS = dt.timedelta(days=27)


@router.get("/inbox/", response_class=HTMLResponse)
async def inbox(reader: Staff) -> HTMLResponse:
    """Messages."""
    return reader.show("inbox.html", "inbox", words=INBOX_WORDS)


@router.get("/requests/", response_class=HTMLResponse)
async def requests(reader: Staff, date: Date | None = None) -> HTMLResponse:
    """What one has asked for, and asking: about `date`, today when it is left out."""
    lists: dict[str, tuple[str, ...]] = {
        "request.kind": KINDS,
        "leave": LEAVES,
        "request.state": STATES,
        "flag.state": FLAGS,
    }
    lists["request"] = ("none", "sent", "answer", "due", "no_punches", "neither")
    words = tuple(f"{of}.{code}" for of, codes in lists.items() for code in codes)
    return reader.show(
        "requests.html",
        "requests",
        words=words,
        date=date or reader.today,
        leaves=LEAVES,
    )


@router.get("/swaps/", response_class=HTMLResponse)
async def swaps(reader: Staff, date: Date | None = None) -> HTMLResponse:
    """Swaps of days at home, and one's own days to give up."""
    async with reader.service.db.read() as tx:
        coming = await own_days.plans_of(tx, reader.me, reader.today, reader.today + ASKED_DAYS)
    states = tuple(f"swap.status.{state}" for state in ("asked", "agreed", "approved", "refused"))
    return reader.show(
        "swaps.html",
        "days",
        words=(*states, "swap.line", "swap.none", "swap.of_me", "swap.of_them", "swap.no_partner", "swap.asked"),
        at_home=[plan.work_date for plan in coming if plan.mode == "WFH" and plan.work_date > reader.today],
        date=date,
    )
