"""Signing a browser in and out.

A link holds a code, never a token: what stands in an address ends up in histories and logs. Opening the link
changes nothing, so that a program which previews links cannot use it up; the page's button swaps the code by POST.
The cookie holds a session of ours, is not sent from other sites (SameSite=Strict), and opens reading doors only;
what a page's script changes, it changes by a short token of that session.
"""

import datetime as dt
import time
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from services.reporting.api.pages.page import HOME, PAGE, home_of, in_language, show
from services.reporting.commands.oidc import SignOn
from services.reporting.commands.sessions import Sessions
from shared.auth import COOKIE, Authenticator, Bearer, BySession, TokenError, credentials_of
from shared.http import Problem
from shared.refusals import Forbidden
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting", include_in_schema=False, dependencies=[Depends(in_language)])
links = APIRouter(prefix="/reporting/v1", tags=["sign-in"])

Secret = Annotated[str, Form(max_length=8000)]
To = Annotated[str, Query(max_length=140)]


class SignInLink(BaseModel):
    """Where a browser is signed in, once, and until when."""

    url: str
    expires_at: dt.datetime


class SessionToken(BaseModel):
    """A bearer token for the doors of all services, as the holder of the session, and until when."""

    token: str
    expires_at: dt.datetime


def sessions_of(request: Request) -> Sessions:
    """FastAPI dependency: the sessions of this service."""
    return request.app.state.sessions


Known = Annotated[Sessions, Depends(sessions_of)]
Running = Annotated[Service, Depends(service_of)]


def same_origin(request: Request) -> None:
    """FastAPI dependency: 403 for a form that another site had the browser send.

    By Sec-Fetch-Site where the browser tells it (Fetch Metadata, W3C), else by Origin (RFC 6454). A program that
    is no browser tells neither: it carries no cookie of anybody's.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    if not own:
        raise Forbidden("auth.other_site")


@links.post("/sign-in-links", status_code=201)
async def make_link(who: Bearer, known: Known, service: Running) -> SignInLink:
    """A link that signs a browser in as the caller, once and within ten minutes. By bearer token only.

    Its address is that of the installation (HADIR_PUBLIC_URL), and without one that of this door's server.
    """
    code, expires_at = await known.code_for(who)
    there = service.settings.base_url if service.settings.public_url else ""
    return SignInLink(url=f"{there}/reporting/login?code={code}", expires_at=expires_at)


@links.post(
    "/session-tokens",
    status_code=201,
    dependencies=[Depends(same_origin)],
    openapi_extra={"security": [{"session": []}]},
)
async def make_token(who: BySession, known: Known, response: Response) -> SessionToken:
    """A token for the script of a page, of fifteen minutes and never beyond the session. By session cookie only.

    Keep it in memory and ask for another before it expires: a sign-out ends the session at once, and a token that
    was given before it within those fifteen minutes.
    """
    if not known.gives_tokens:
        raise Problem(503, "auth.no_session_key")
    token = known.token_for(who)
    if token is None:
        raise Problem(401, "auth.no_session", headers={"WWW-Authenticate": "Bearer"})
    response.headers["Cache-Control"] = "no-store"
    return SessionToken(token=token.text, expires_at=token.expires_at)


@router.get("/login", response_class=HTMLResponse)
async def login(request: Request, code: str | None = None, to: To = "") -> HTMLResponse:
    """The page whose button uses the code; without one, how to come by it. Both lead on to the page `to`."""
    if code is None:
        return show(request, "welcome.html", expired=False, to=to)
    return show(request, "sign_in.html", code=code, to=to)


@router.post("/login", dependencies=[Depends(same_origin)])
async def sign_in(
    request: Request,
    known: Known,
    code: Secret = "",
    token: Secret = "",
    to: Annotated[str, Form(max_length=140)] = "",
) -> Response:
    """Swap a code, or a token that was pasted, for a session that leads to the page `to`, else home."""
    if token:
        authenticator: Authenticator = request.app.state.authenticator
        try:
            code, _ = await known.code_for(authenticator.verify(token.strip()))
        except TokenError:
            code = ""
    opened = await known.swap(code) if code else None
    if opened is None:
        return show(request, "welcome.html", 401, expired=True, to=to)
    session, ends_at = opened
    there = to if PAGE.fullmatch(to) else home_of(await known.holder(session))
    response = RedirectResponse(there, 303, headers={"Cache-Control": "no-store"})
    keep(response, request, session, ends_at)
    return response


def keep(response: Response, request: Request, session: str, ends_at: dt.datetime) -> None:
    """Have the browser keep its session."""
    response.set_cookie(
        COOKIE,
        session,
        max_age=max(0, int(ends_at.timestamp() - time.time())),
        path="/reporting",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


@router.post("/logout", dependencies=[Depends(same_origin)])
async def sign_out(request: Request, known: Known) -> Response:
    """End the session, here and wherever else its cookie may be, and where it began: at the city's account."""
    _, session = credentials_of(request.scope)
    by_provider = bool(session) and await known.end(session)
    sign_on: SignOn | None = request.app.state.sign_on
    there = await sign_on.after_sign_out() if by_provider and sign_on is not None else None
    response: Response
    if there is None:
        response = RedirectResponse(HOME, 303, headers={"Cache-Control": "no-store"})
    else:
        # A page leads there, not a redirect: a form of ours may lead to no other site (form-action).
        response = show(request, "onward.html", to=there, where="leaving")
    response.delete_cookie(COOKIE, path="/reporting", httponly=True, samesite="strict")
    return response
