"""Who may open which page of officers, and how such a page is shown.

A page asks for the permission that its doors ask for, and tells nothing that they would not tell.
"""

from typing import NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.reporting.api.pages.page import HOME, reader_language, show
from shared.access import (
    ASSESS_READINESS,
    CORRECT_RECORDS,
    DECLARE_OUTAGES,
    EXAMINE_REPORTS,
    GOVERN,
    MANAGE_CATALOGUE,
    MANAGE_DIRECTORY,
    MANAGE_TERMINALS,
    PLAN,
    READ_PEOPLE,
    REVIEW_REPORTS,
    Permission,
    Principal,
    may,
    only_opd,
)
from shared.auth import holder_of
from shared.clock import Clock
from shared.dates import local_date
from shared.messages import Language, catalogue, text

DESK = f"{HOME}desk/"


class Entry(NamedTuple):
    """A page in the navigation; `person`: only for somebody whom the directory may know, no office account."""

    name: str
    permission: Permission
    person: bool = False


TEAM = (
    Entry("team", REVIEW_REPORTS, person=True),
    Entry("plans", REVIEW_REPORTS, person=True),
    Entry("ratings", REVIEW_REPORTS),
)
OFFICE = (
    Entry("people", READ_PEOPLE),
    Entry("samples", EXAMINE_REPORTS),
)
_ALL = {entry.name: entry for entry in (*TEAM, *OFFICE)}

CAN: dict[str, Permission] = {
    "govern": GOVERN,
    "direct": MANAGE_DIRECTORY,
    "plan": PLAN,
    "catalogue": MANAGE_CATALOGUE,
    "terminals": MANAGE_TERMINALS,
    "outages": DECLARE_OUTAGES,
    "assess": ASSESS_READINESS,
    "correct": CORRECT_RECORDS,
    "people": READ_PEOPLE,
}
"""What the parts of a page ask for, by the word its template uses."""


def open_to(who: Principal, entry: Entry) -> bool:
    """Whether they have a use for the page."""
    return may(who, entry.permission) and (who.subject is not None or not entry.person)


def first_page(who: Principal) -> str | None:
    """Where somebody's work begins; None for those who have none here."""
    return next((entry.name for entry in (*TEAM, *OFFICE) if open_to(who, entry)), None)


async def reader(request: Request, name: str | None) -> Principal | Response:
    """Who opens the page `name`, or the page that they are shown instead: to sign in, or why it is not theirs."""
    who = await holder_of(request)
    if who is None:
        return RedirectResponse(f"{HOME}login", 303, headers={"Cache-Control": "no-store"})
    if name is not None and not open_to(who, _ALL[name]):
        return not_yours(request, who, "forbidden")
    return who


def not_yours(request: Request, who: Principal, why: str, status: int = 403) -> HTMLResponse:
    """A page that says why there is nothing to be seen, with the way to what is theirs."""
    told = text(f"desk.refused.{why}", reader_language(request))
    return draw(request, who, "refused", status, told=told, now=None)


def draw(
    request: Request, who: Principal, name: str, status: int = 200, *, now: Clock | None, **values: object
) -> HTMLResponse:
    """The page `name` with the navigation of its reader."""
    language = reader_language(request)

    def codes(*kinds: str) -> dict[str, str]:
        """Texts that a script writes, by code, of each kind: `codes("state")` are those of `desk.state.*`."""
        return texts_of(kinds, language)

    return show(
        request,
        f"desk/{name}.html",
        status,
        area="desk",
        who=who,
        here=name,
        desk=DESK,
        groups=[
            (title, [entry.name for entry in group if open_to(who, entry)])
            for title, group in (("for_team", TEAM), ("for_office", OFFICE))
        ],
        can={word: may(who, permission) for word, permission in CAN.items()},
        own_opd=only_opd(who),
        today=local_date(now.now()) if now else None,
        codes=codes,
        query=request.query_params,
        **values,
    )


def texts_of(kinds: tuple[str, ...], language: Language) -> dict[str, str]:
    """The texts `desk.<kind>.*` of a language, by `<kind>.<code>`."""
    return {
        code.removeprefix("desk."): said[language]
        for code, said in catalogue().items()
        if code.startswith(tuple(f"desk.{kind}." for kind in kinds))
    }
