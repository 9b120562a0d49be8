"""A superior's evening: the team's day on one screen, and one person's day with what there is to decide."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.reporting.api.figures import moment
from services.reporting.api.pages.desk.entry import DESK, draw, first_page, not_yours, reader
from services.reporting.api.pages.page import in_language, reader_language
from services.reporting.domain.team import Waits
from services.reporting.views import evidence, intentions, people, reports, team
from services.reporting.views.evidence import EvidenceView
from services.reporting.views.intentions import IntentionView
from shared.access import READ_RECORDS, Principal, employee_of, may
from shared.database import Tx
from shared.dates import local_date
from shared.events import DUTIES
from shared.events.base import Date
from shared.messages import Language
from shared.refusals import Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/desk", include_in_schema=False, dependencies=[Depends(in_language)])

Running = Annotated[Service, Depends(service_of)]
OfDay = Annotated[Date | None, Query()]


@router.get("", response_class=RedirectResponse)
async def bare() -> RedirectResponse:
    return RedirectResponse(DESK, 308)


@router.get("/")
async def home(request: Request) -> Response:
    """The first page of whoever comes."""
    who = await reader(request, None)
    name = first_page(who)
    return not_yours(request, who, "nothing") if name is None else RedirectResponse(f"{DESK}{name}", 303)


@router.get("/team")
async def team_day(request: Request, service: Running, date: OfDay = None, state: Waits = "all") -> Response:
    """Everyone whose supervisor or acting deputy the reader is, on one date; the fields choose whom to list."""
    who = await reader(request, "team")
    at = moment(service, date)
    async with service.db.read() as tx:
        day = await team.of_superior(tx, employee_of(who), at.date, at.as_of, "all")
    return draw(
        request,
        who,
        "team",
        now=service.clock,
        day=day,
        counts=team.counted(day),
        members=team.narrowed(day, state),
        state=state,
        duties=DUTIES,
        before=at.date - dt.timedelta(days=1),
        after=at.date + dt.timedelta(days=1) if at.date < local_date(at.as_of) else None,
    )


@router.get("/plans")
async def plans(request: Request, service: Running, date: OfDay = None) -> Response:
    """The week of a date: who of the team is to work where."""
    who = await reader(request, "plans")
    today = local_date(service.clock.now())
    first = (date or today) - dt.timedelta(days=(date or today).weekday())
    async with service.db.read() as tx:
        week = await team.week(tx, employee_of(who), first)
    step = dt.timedelta(days=7)
    return draw(request, who, "plans", now=service.clock, week=week, before=first - step, after=first + step)


@router.get("/day", response_class=RedirectResponse)
async def day_of(person: UUID, date: Annotated[Date, Query()], lang: Language | None = None) -> RedirectResponse:
    """Where a form with a date leads: the person's day."""
    return RedirectResponse(f"{DESK}people/{person}/{date}{f'?lang={lang}' if lang else ''}", 303)


@router.get("/people/{employee_id}/{date}")
async def person(request: Request, service: Running, employee_id: UUID, date: Annotated[Date, Path()]) -> Response:
    """One person's date with every reason, and to their superior the report with what to decide on it."""
    who = await reader(request, None)
    at = moment(service, date)
    language = reader_language(request)
    async with service.db.read() as tx:
        if not await people.may_see(tx, who, employee_id, at.date):
            return not_yours(request, who, "person", 404)
        answers = await people.answers_for(tx, who, employee_id)
        day = await people.person_day(tx, employee_id, at.date, at.as_of, language)
        return draw(
            request,
            who,
            "person",
            now=service.clock,
            day=day,
            whom=await people.named(tx, employee_id),
            report=await reports.to_decide(tx, who.subject, employee_id, at.date),
            files=await _files(tx, who, employee_id, at.date),
            intention=await _intention(tx, employee_id, at.date),
            answers=answers,
            records=may(who, READ_RECORDS),
            duties=DUTIES,
            own=who.subject == employee_id,
        )


async def _files(tx: Tx, who: Principal, employee_id: UUID, date: dt.date) -> list[EvidenceView]:
    """What the report has named; nothing for whom it is not meant."""
    try:
        return await evidence.of_person(tx, who, employee_id, date)
    except Missing:
        return []


async def _intention(tx: Tx, employee_id: UUID, date: dt.date) -> IntentionView | None:
    try:
        return await intentions.of_day(tx, employee_id, date)
    except Missing:
        return None
