"""What all pages share: their headers, their language, their templates and their files."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from services.reporting.views import words
from shared import templates
from shared.access import BEGIN_WITH_OWN_DAY, Principal, may
from shared.messages import Language, language_of, raw, text, title
from shared.refusals import Missing

Area = Literal["board", "app", "desk"]
"""The board, the pages of staff, and those of officers: each has texts of its own, under its name."""

HOME = "/reporting/"
APP = "/reporting/app/"
"""Where staff and their superiors begin their day."""

PAGE = re.compile(r"/reporting/(?!.*\.\.)[A-Za-z0-9._/-]{0,120}")
"""The pages that a sign-in may lead to: ours."""

_HERE = Path(__file__).parent
_STATIC = _HERE / "static"
_KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_FILES = {
    file.relative_to(_STATIC).as_posix(): file for file in sorted(_STATIC.rglob("*")) if file.suffix in _KINDS
}
VERSION = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES.values())).hexdigest()[:12]
"""Stands in the address of every file, so that browsers may keep it; modules import by relative paths."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # The origin alone: with nothing at all a browser would not tell our own forms from those of other sites.
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_SCRIPT_WORDS = ("done", "away", "signed_out", "other_person")
"""What every script says; a page may add its own."""


class Turned(Exception):
    """Whoever asks for a page is shown something else: the way in, or why the page is not for them."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


async def on_turned(_request: Request, turned: Exception) -> Response:
    """What a page that raised Turned answers with."""
    assert isinstance(turned, Turned)  # noqa: S101 - registered for it alone
    return turned.answer


def to_sign_in(request: Request) -> Response:
    """The way in, and back to the page that was asked for."""
    there = urlencode({"to": request.url.path}) if PAGE.fullmatch(request.url.path) else ""
    return RedirectResponse(f"{HOME}login?{there}", 303, headers={"Cache-Control": "no-store"})


def home_of(who: Principal | None) -> str:
    """Where somebody who has signed in expects to be: at their own day, or at the board."""
    return APP if who is not None and who.subject is not None and may(who, BEGIN_WITH_OWN_DAY) else HOME


files = APIRouter(prefix="/reporting/static", include_in_schema=False)

_templates = templates.in_folder(_HERE / "templates")


async def in_language(lang: Language | None = None) -> None:
    """FastAPI dependency of every page: they may be asked for in a language."""


def reader_language(request: Request) -> Language:
    """The language that was asked for (`?lang=`), else the browser's."""
    asked = request.query_params.get("lang")
    return asked if asked in ("id", "en") else language_of(request.headers.get("accept-language"))


def script_words(language: Language, area: Area = "board", codes: Sequence[str] = ()) -> dict[str, str]:
    """What the scripts of a page say: what every script does, and `<area>.<code>`, with its places left open."""
    of_all = {name: raw(f"page.{name}", language) for name in _SCRIPT_WORDS}
    return of_all | {code: raw(f"{area}.{code}", language) for code in codes}


def show(
    request: Request,
    template: str,
    status: int = 200,
    *,
    area: Area = "board",
    **values: object,
) -> HTMLResponse:
    """A page in the reader's language. `t("code")` in a template is the text `<area>.code`."""
    language = reader_language(request)

    def t(code: str, **params: object) -> str:
        return text(f"{area}.{code}", language, **params)

    def page_text(code: str, **params: object) -> str:
        return text(code, language, **params)

    values.setdefault("person", _whose(values.get("who")))
    values.setdefault("words", script_words(language))
    html = _templates.get_template(template).render(
        t=t,
        page_text=page_text,
        lang=language,
        static=f"{HOME}static/{VERSION}/",
        home=HOME,
        city_account=request.app.state.sign_on is not None,
        **words.writers(language),
        **values,
    )
    return HTMLResponse(html, status, headers=HEADERS)


def _whose(who: object) -> str | None:
    """Whose page it is: an employee_id, "" for an office account; None where it is nobody's."""
    return str(who.subject or "") if isinstance(who, Principal) else None


def refusal(request: Request, status: int, code: str, **params: object) -> HTMLResponse:
    """A page that says why nobody was signed in, and what to do about it."""
    language = reader_language(request)
    return show(request, "refused.html", status, why=title(code, language), told=text(code, language, **params))


@files.get("/{version}/{name:path}")
async def static(version: str, name: str) -> FileResponse:
    """A file of the pages. That of another version is today's, and not kept."""
    if name not in _FILES:
        raise Missing("not_found")
    kept = "public, max-age=31536000, immutable" if version == VERSION else "no-cache"
    return FileResponse(
        _FILES[name],
        media_type=_KINDS[_FILES[name].suffix],
        headers={"Cache-Control": kept, "X-Content-Type-Options": "nosniff"},
    )
