"""Who looks at which page of the board, at which date and as of when; and how such a page is shown."""

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse

from services.reporting.api.figures import moment
from services.reporting.api.pages.page import HOME, Turned, reader_language, show, to_sign_in
from services.reporting.domain.kept import shown_from
from services.reporting.views.figures import Reader, reader_of
from shared.access import Principal
from shared.auth import holder_of
from shared.dates import WIB, date_text, local_date
from shared.events.base import read_date, read_instant
from shared.messages import text
from shared.query import not_ahead
from shared.refusals import Refused
from shared.service import Service

BOARD = f"{HOME}board/"
_MINUTE = "2025-11-06T08:00"


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks, at which local work date, as of which instant; `at` is how that was asked for, if it was."""

    who: Principal
    reader: Reader
    date: dt.date
    as_of: dt.datetime
    at: str | None
    today: dt.date
    first_kept: dt.date | None
    """The first date of which facts are still kept; None where all are."""

    @property
    def live(self) -> bool:
        """Whether it is the present that is looked at."""
        return self.at is None and self.date == self.today


async def look(request: Request, service: Service, date: str | None, at: str | None) -> Look:
    """What the address asks for: `date` as a field gives it, `at` a local date and time in WIB, seconds if chosen.

    Raises Turned with the way to sign in, or with what is wrong and how to mend it.
    """
    who = await holder_of(request)
    if who is None:
        raise Turned(to_sign_in(request))
    now = service.clock.now()
    try:
        as_of = not_ahead(_instant(at) if at else None, now)
        of_date = moment(service, read_date(date) if date else local_date(as_of)).date
    except Refused as refused:
        language = reader_language(request)
        told = [text(error.code, language, **error.params) for error in refused.errors]
        raise Turned(
            turned_away(request, who, told[0] if told else text(refused.code, language, **refused.params), 422)
        ) from refused
    except ValueError as wrong:
        told = text("board.wrong_moment", reader_language(request))
        raise Turned(turned_away(request, who, told, 422)) from wrong
    today = local_date(now)
    first_kept = shown_from(today, service.settings.keep_facts_months)
    return Look(who, reader_of(who), of_date, as_of, at or None, today, first_kept)


def _instant(at: str) -> dt.datetime:
    seconds = at if len(at) > len(_MINUTE) else f"{at}:00"
    return read_instant(f"{seconds}+07:00")


def turned_away(request: Request, who: Principal, told: str, status: int) -> HTMLResponse:
    """A page that says why there is nothing to be seen, with the way back to the board."""
    return show(request, "board/refused.html", status, who=who, told=told)


def draw(request: Request, template: str, here: Look, **values: Any) -> HTMLResponse:
    """A page of the board as its reader sees it."""
    language = reader_language(request)
    day = dt.timedelta(days=1)
    same = partial(_address, request, here, quote(request.url.path), **dict(request.query_params))
    return show(
        request,
        f"board/{template}.html",
        who=here.who,
        look=here,
        board=BOARD,
        address=partial(_address, request, here),
        other_language=same(lang="id" if language == "en" else "en"),
        here_now=same(date=None, at=None),
        before=same(date=here.date - day),
        after=same(date=here.date + day) if here.date < here.today else None,
        day=date_text(here.date, language),
        at=here.as_of.astimezone(WIB).strftime("%Y-%m-%dT%H:%M"),
        **values,
    )


def _address(request: Request, here: Look, path: str, **other: object) -> str:
    """The address of a page at the date, moment and language that are looked at, but for what is `other`."""
    asked: dict[str, object] = {
        "date": here.date if here.date != here.today or here.at else None,
        "at": here.at,
        "lang": request.query_params.get("lang"),
    }
    query = urlencode({name: value for name, value in (asked | other).items() if value})
    return f"{path}?{query}" if query else path
