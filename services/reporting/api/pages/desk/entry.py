"""Who may open which page of officers, and how such a page is shown.

A page asks for the permission that its doors ask for, and tells nothing that they would not tell.
"""

from typing import NamedTuple, get_args

from fastapi import Request
from fastapi.responses import HTMLResponse

from services.reporting.api.pages.page import HOME, Turned, reader_language, show, to_sign_in
from shared.access import (
    ASSESS_READINESS,
    CORRECT_RECORDS,
    DECLARE_OUTAGES,
    EXAMINE_REPORTS,
    GOVERN,
    MANAGE_CATALOGUE,
    MANAGE_DIRECTORY,
    MANAGE_SUBSCRIPTIONS,
    MANAGE_TERMINALS,
    PLAN,
    READ_AUDIT,
    READ_CITY,
    READ_DIRECTORY,
    READ_MESSAGE_RULES,
    READ_PEOPLE,
    READ_PILOTS,
    READ_PROPOSALS,
    READ_READINESS,
    READ_SUBSCRIPTIONS,
    REGISTER_PILOTS,
    REVIEW_REPORTS,
    SET_MESSAGE_RULES,
    Permission,
    Principal,
    may,
    only_opd,
)
from shared.auth import holder_of
from shared.clock import Clock
from shared.dates import local_date
from shared.events import Mode
from shared.messages import Language, catalogue, heading, text

DESK = f"{HOME}desk/"
MODES: tuple[Mode, ...] = get_args(Mode)


class Entry(NamedTuple):
    """A page in the navigation; `person`: only for somebody whom the directory may know, no office account."""

    name: str
    permission: Permission
    person: bool = False


TEAM = (
    Entry("team", REVIEW_REPORTS, person=True),
    Entry("decisions", REVIEW_REPORTS, person=True),
    Entry("plans", REVIEW_REPORTS, person=True),
    Entry("ratings", REVIEW_REPORTS),
)
OFFICE = (
    Entry("people", READ_PEOPLE),
    Entry("imports", MANAGE_TERMINALS),
    Entry("policies", PLAN),
    Entry("rosters", PLAN),
    Entry("absences", PLAN),
    Entry("proposals", READ_PROPOSALS),
    Entry("calendar", PLAN),
    Entry("terminals", MANAGE_TERMINALS),
    Entry("subscriptions", READ_SUBSCRIPTIONS),
    Entry("repair", READ_DIRECTORY),
    Entry("packs", READ_CITY),
    Entry("readiness", READ_READINESS),
    Entry("samples", EXAMINE_REPORTS),
    Entry("pilots", READ_PILOTS),
    Entry("messages", READ_MESSAGE_RULES),
    Entry("audit", READ_AUDIT),
)
_ALL = {entry.name: entry for entry in (*TEAM, *OFFICE)}

CAN: dict[str, Permission] = {
    "govern": GOVERN,
    "direct": MANAGE_DIRECTORY,
    "plan": PLAN,
    "catalogue": MANAGE_CATALOGUE,
    "terminals": MANAGE_TERMINALS,
    "subscriptions": MANAGE_SUBSCRIPTIONS,
    "outages": DECLARE_OUTAGES,
    "assess": ASSESS_READINESS,
    "correct": CORRECT_RECORDS,
    "people": READ_PEOPLE,
    "pilots": REGISTER_PILOTS,
    "messages": SET_MESSAGE_RULES,
}
"""What the parts of a page ask for, by the word its template uses."""


_KINDS = "aside ask because channel hears kind leave limit message outcome proposal role state told weekday why"
_SPOKEN = tuple(f"desk.{kind}." for kind in _KINDS.split())


def open_to(who: Principal, entry: Entry) -> bool:
    """Whether they have a use for the page."""
    return may(who, entry.permission) and (who.subject is not None or not entry.person)


def first_page(who: Principal) -> str | None:
    """Where somebody's work begins; None for those who have none here."""
    return next((entry.name for entry in (*TEAM, *OFFICE) if open_to(who, entry)), None)


async def reader(request: Request, name: str | None) -> Principal:
    """Who opens the page `name`. Raises Turned with the way to sign in, or why the page is not theirs."""
    who = await holder_of(request)
    if who is None:
        raise Turned(to_sign_in(request))
    if name is not None and not open_to(who, _ALL[name]):
        raise Turned(not_yours(request, who, "forbidden"))
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
        codes=codes_of(language),
        query=request.query_params,
        **values,
    )


def codes_of(language: Language) -> dict[str, str]:
    """The texts of what doors answer with in codes, by `<kind>.<code>`: scripts write them."""
    own = {
        code.removeprefix("desk."): said[language]
        for code, said in catalogue().items()
        if code.startswith(_SPOKEN)
    }
    return own | {f"mode.{mode}": heading(f"mode.{mode}", language) for mode in MODES}
