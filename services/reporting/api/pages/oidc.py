"""The pages of signing in by the city's account.

What binds an answer of the provider to the browser that asked is a random secret in a cookie of its own: state,
nonce and verifier follow from it. It is sent along when the provider sends the browser back (SameSite=Lax), where
the session's cookie would not be; so the last page is ours, and leads on by itself.
"""

import logging
import secrets
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.reporting.api.pages.page import PAGE, home_of, in_language, refusal, show
from services.reporting.api.pages.sign_in import keep
from services.reporting.commands.oidc import SignOn
from services.reporting.commands.sessions import Sessions
from shared.oidc import Attempt, SignOnError, Why
from shared.query import any_query
from shared.refusals import Forbidden, Missing

log = logging.getLogger(__name__)

router = APIRouter(prefix="/reporting/login/oidc", include_in_schema=False, dependencies=[Depends(in_language)])

ATTEMPT_S = 900
"""Seconds in which a sign-in has to come back from the provider: a second factor takes its time."""

_PATH = "/reporting/login/oidc"
TOLD: Mapping[Why, tuple[int, str]] = {
    "away": (503, "oidc.away"),
    "settings": (502, "oidc.settings"),
    "used": (400, "oidc.used"),
    "untrue": (502, "oidc.untrue"),
    "clock": (502, "oidc.clock"),
    "weak": (403, "oidc.weak"),
}

_OF_THE_PERSON = ("access_denied", "interaction_required", "login_required", "consent_required")
"""Errors of a provider that come of what the person did or may do (RFC 6749, 4.1.2.1; OIDC Core 1.0, 3.1.2.6)."""

_FOR_NOW = ("server_error", "temporarily_unavailable")

Told = Annotated[str, Query(max_length=4000)]


def sign_on_of(request: Request) -> SignOn:
    """FastAPI dependency: the city's account. Raises Missing where this installation has none."""
    sign_on: SignOn | None = request.app.state.sign_on
    if sign_on is None:
        raise Missing("not_found")
    return sign_on


CityAccount = Annotated[SignOn, Depends(sign_on_of)]


def _cookie(state: str) -> str:
    """One for each sign-in that is under way: two tabs may be at it."""
    return f"hadir_oidc_{state[:12]}"


@router.get("")
async def start(
    request: Request, sign_on: CityAccount, *, to: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Send the browser to the provider; it will end up at the page `to`, else at the person's own home."""
    secret = secrets.token_urlsafe(32)
    try:
        address = await sign_on.address(secret)
    except SignOnError as error:
        return _refused(request, error)
    response = RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        _cookie(Attempt.of(secret).state),
        f"{secret}:{to if PAGE.fullmatch(to) else ''}",
        max_age=ATTEMPT_S,
        path=_PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/callback", dependencies=[Depends(any_query)])
async def callback(
    request: Request,
    sign_on: CityAccount,
    *,
    state: Told = "",
    code: Told = "",
    error: Told = "",
    iss: Told | None = None,
) -> Response:
    """What the provider sends the browser back with: once for each sign-in, and for this browser only."""
    secret, _, to = request.cookies.get(_cookie(state), "").partition(":")
    if not secret or not secrets.compare_digest(Attempt.of(secret).state.encode(), state.encode()):
        return refusal(request, 400, "oidc.other_browser")
    try:
        sign_on.check_issuer(iss)
        response = await _finish(request, sign_on, secret, (code, error), to)
    except SignOnError as wrong:
        response = _refused(request, wrong)
    except Forbidden as refused:
        response = refusal(request, 403, refused.code, **refused.params)
    response.delete_cookie(_cookie(state), path=_PATH, httponly=True, samesite="lax")
    return response


async def _finish(request: Request, sign_on: SignOn, secret: str, told: tuple[str, str], to: str) -> HTMLResponse:
    code, error = told
    if error in _OF_THE_PERSON:
        return refusal(request, 403, "oidc.denied")
    if error or not code:
        why: Why = "away" if error in _FOR_NOW else "settings"
        raise SignOnError(why, f"the provider sends the browser back with {error[:100]!r} and no code")
    session, ends_at = await sign_on.finish(secret, code)
    sessions: Sessions = request.app.state.sessions
    there = to if PAGE.fullmatch(to) else home_of(await sessions.holder(session))
    response = show(request, "onward.html", to=there, where="arrived")
    keep(response, request, session, ends_at)
    return response


def _refused(request: Request, error: SignOnError) -> HTMLResponse:
    status, code = TOLD[error.why]
    log.warning("nobody was signed in by the city's account", extra={"fields": {"because": str(error)[:500]}})
    return refusal(request, status, code)
