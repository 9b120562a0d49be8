"""The pages: the board, and its own files."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import AfterValidator

from services.reporting.views import words
from services.reporting.views.figures import look_at, reader_of
from services.reporting.views.people import person_day
from shared.auth import COOKIE, holder_of
from shared.dates import WIB, date_text, local_date
from shared.events import DUTIES
from shared.events.base import read_instant
from shared.messages import Language, language_of, text, title
from shared.query import not_ahead
from shared.refusals import Missing
from shared.service import Service, service_of


def _local_minute(value: str) -> str:
    """A local date and time as a browser's field gives it: `2025-11-06T08:00`, seconds only when chosen."""
    seconds = value if len(value) > len("2025-11-06T08:00") else f"{value}:00"
    read_instant(f"{seconds}+07:00")
    return seconds


async def in_language(lang: Literal["id", "en"] | None = None) -> None:
    """FastAPI dependency of every page: they may be asked for in a language."""


router = APIRouter(prefix="/reporting", include_in_schema=False, dependencies=[Depends(in_language)])

LocalMinute = Annotated[str, AfterValidator(_local_minute)]
Running = Annotated[Service, Depends(service_of)]

HOME = "/reporting/"
_HERE = Path(__file__).parent
_FILES = {"board.css": "text/css", "board.js": "text/javascript", "icon.svg": "image/svg+xml"}
# A new version of a file has a new address, so browsers may keep what they have.
_VERSION = hashlib.sha256(b"".join((_HERE / "static" / name).read_bytes() for name in _FILES)).hexdigest()[:12]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # The origin alone: with nothing at all a browser would not tell our own forms from those of other sites.
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _language(request: Request) -> Language:
    asked = request.query_params.get("lang")
    return asked if asked in ("id", "en") else language_of(request.headers.get("accept-language"))


def show(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page of the board, in the reader's language."""
    language = _language(request)

    def t(code: str, **params: object) -> str:
        return text(f"board.{code}", language, **params)

    html = _templates.get_template(template).render(
        t=t,
        lang=language,
        version=_VERSION,
        home=HOME,
        city_account=request.app.state.sign_on is not None,
        **words.writers(language),
        **values,
    )
    return HTMLResponse(html, status, headers=HEADERS)


def refusal(request: Request, status: int, code: str, **params: object) -> HTMLResponse:
    """A page that says why nobody was signed in, and what to do about it."""
    language = _language(request)
    return show(request, "refused.html", status, why=title(code, language), told=text(code, language, **params))


@router.get("", response_class=RedirectResponse)
async def bare() -> RedirectResponse:
    return RedirectResponse(HOME, 308)


@router.get("/", response_class=HTMLResponse)
async def home(request: Request, service: Running, at: LocalMinute | None = None) -> HTMLResponse:
    """The board as its reader may see it, now or as of `at` (local time in WIB, as a browser's field gives it)."""
    who = await holder_of(request)
    if who is None:
        return show(request, "welcome.html", expired=COOKIE in request.cookies)
    now = service.clock.now()
    as_of = now if at is None else not_ahead(dt.datetime.fromisoformat(at).replace(tzinfo=WIB), now)
    date = local_date(as_of)
    language = _language(request)
    reader = reader_of(who)
    my_day = None
    async with service.db.read() as tx:
        board = await look_at(tx, date, as_of)
        if who.subject is not None and "opds" not in reader.views:
            my_day = await person_day(tx, who.subject, date, as_of, language)
    city = board.city(reader) if "city" in reader.views else None
    opds = board.opds(reader) if "opds" in reader.views else []
    own_opd = None if city else next(iter(opds), None)
    return show(
        request,
        "board.html",
        who=who,
        live=at is None,
        as_of=as_of,
        at=as_of.astimezone(WIB).strftime("%Y-%m-%dT%H:%M"),
        day=date_text(date, language),
        duties=DUTIES,
        headline=city or own_opd,
        headline_view=next((view for view in reader.views if view != "units"), None),
        headline_name=own_opd.opd_name if own_opd else None,
        opds=opds if city else [],
        counters=board.coverage(),
        short=board.short(),
        my_day=my_day,
    )


@router.get("/static/{name}")
async def static(name: Literal["board.css", "board.js", "icon.svg"], v: str | None = None) -> FileResponse:  # noqa: ARG001 - the version is for caches
    if name not in _FILES:
        raise Missing("not_found")
    return FileResponse(
        _HERE / "static" / name,
        media_type=_FILES[name],
        headers={"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"},
    )
