"""Pages of the links in letters. They open without signing in: whoever has the letter may do this one thing.

Looking changes nothing, for scanners of mail follow every link; the button does. A reader of mail that offers
"unsubscribe" presses it by itself, with `List-Unsubscribe=One-Click` in the body (RFC 8058): nobody need read it.
"""

import secrets
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from services.notifications.commands import links as commands
from services.notifications.domain import links
from services.notifications.domain.links import Link
from services.notifications.views.links import Shown, look
from shared import templates
from shared.message_key import MessageKey
from shared.messages import Language, language_of, text
from shared.service import Service, service_of

router = APIRouter(prefix="/notifications/links", include_in_schema=False)

Running = Annotated[Service, Depends(service_of)]
_templates = templates.in_folder(Path(__file__).parent / "templates")
_STATUS = {"old": 410, "gone": 410, "unreadable": 404}


@router.get("/{token}")
async def read(token: str, service: Running, request: Request, lang: Language | None = None) -> HTMLResponse:
    """What the link would do, and a button."""
    link = _read(token, request)
    if link is None:
        return _page(request, lang, None)
    async with service.db.read() as tx:
        return _page(request, lang, await look(tx, link, service.clock.now()))


@router.post("/{token}")
async def press(token: str, service: Running, request: Request, lang: Language | None = None) -> HTMLResponse:
    """Do it."""
    link = _read(token, request)
    if link is None:
        return _page(request, lang, None)
    async with service.db.transaction() as tx:
        shown = await commands.follow(tx, link, service.clock.now())
    return _page(request, lang, shown)


def _read(token: str, request: Request) -> Link | None:
    key: MessageKey | None = request.app.state.message_key
    return None if key is None else links.read(token, key.tag)


def _page(request: Request, lang: Language | None, shown: Shown | None) -> HTMLResponse:
    language = lang or language_of(request.headers.get("accept-language"))
    state = "unreadable" if shown is None else shown.state
    code = "link.unreadable" if shown is None else f"link.{shown.does}.{state}"
    kept = "" if shown is None or not shown.kept or state == "fixed" else text("link.kept", language)
    nonce = secrets.token_urlsafe(16)
    asks = shown is not None and state == "ask"
    quoted = (shown.message.title, shown.message.text) if shown is not None and asks and shown.message else None
    other: Language = "id" if language == "en" else "en"
    html = _templates.get_template("link.html").render(
        lang=language,
        nonce=nonce,
        title=text(f"{code}.title", language),
        told=f"{text(f'{code}.text', language)} {kept}".strip(),
        quoted=quoted,
        kinds=[text(f"notification.kind.{kind}", language) for kind in (shown.kinds if shown else ())],
        button=text(f"link.{shown.does}.button", language) if shown is not None and asks else None,
        there="/reporting/app/inbox/",
        leads=text("link.inbox", language),
        other=other,
        in_other=text("link.other", other),
    )
    headers = {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        # The token is in the address: it goes nowhere else.
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    return HTMLResponse(html, _STATUS.get(state, 200), headers=headers)
