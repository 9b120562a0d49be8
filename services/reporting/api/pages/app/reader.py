"""Who reads a page of staff: a person, by the session of their browser."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from services.reporting.api.pages.page import (
    APP,
    Turned,
    in_language,
    reader_language,
    refusal,
    script_words,
    show,
    to_sign_in,
)
from services.reporting.views.own_days import hours_text
from shared.access import REVIEW_REPORTS, Principal, may
from shared.auth import holder_of
from shared.dates import date_text, local_date
from shared.messages import Language
from shared.service import Service, service_of

Running = Annotated[Service, Depends(service_of)]

PLACES = ("today", "report", "days", "requests", "inbox")
"""The places of the app, as its navigation has them."""

SCRIPT_WORDS = (
    *("punch.in", "punch.out", "punch.working", "punch.recorded.in", "punch.recorded.out", "punch.kept"),
    *("punch.kept_signed_out", "punch.kept_in_page", "punch.again.in", "punch.again.out", "punch.other_person"),
    *("punch.refused", "punch.waiting", "punch.waiting_one", "punch.device_time"),
    *("place.seeking", "place.have", "place.rough", "place.denied", "place.none", "place.without"),
    *("place.not_needed", "clock.wrong", "zone.office", "zone.remote", "zone.elsewhere", "zone.uncertain"),
    *("zone.unknown", "trust.unverified", "receipt.save", "offline", "online", "leave.unsent"),
    *("leave.unsent_one", "seen_at"),
)
"""What the scripts of every page of the app say."""


class Reader:
    """The person, the language they read, and the frame of their pages."""

    def __init__(self, request: Request, service: Service, who: Principal, me: UUID) -> None:
        self.request, self.service, self.who, self.me = request, service, who, me
        self.language: Language = reader_language(request)
        self.now = service.clock.now()
        self.today = local_date(self.now)

    def show(self, template: str, place: str, *, words: tuple[str, ...] = (), **values: Any) -> HTMLResponse:
        """A page of the app in its frame; `place` is where it stands, `words` are its script's."""
        return show(
            self.request,
            f"app/{template}",
            area="app",
            words=script_words(self.language, "app", (*SCRIPT_WORDS, *words)),
            app=APP,
            place=place,
            places=PLACES,
            person=str(self.me),
            superior=may(self.who, REVIEW_REPORTS),
            now=self.now,
            today=self.today,
            day_text=partial(date_text, language=self.language),
            hours=partial(hours_text, language=self.language),
            **values,
        )


async def reader_of(request: Request, service: Running) -> Reader:
    """FastAPI dependency: the reader of a page of staff. Raises Turned for whoever is none."""
    who = await holder_of(request)
    if who is None:
        raise Turned(to_sign_in(request))
    if who.subject is None:
        raise Turned(refusal(request, 403, "app.needs_person"))
    return Reader(request, service, who, who.subject)


Staff = Annotated[Reader, Depends(reader_of)]


def pages() -> APIRouter:
    """A router of pages of staff."""
    return APIRouter(prefix=APP.rstrip("/"), include_in_schema=False, dependencies=[Depends(in_language)])
