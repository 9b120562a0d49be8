"""The daily work of BKPSDM and of the OPDs' admins, of auditors, and what superiors decide beside reports.

What is drawn here comes of reporting's own facts; the rest is fetched from the doors of its owners by the page's
script, with the reader's own token.
"""

import datetime as dt
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.reporting.api.figures import moment
from services.reporting.api.pages.desk.entry import draw, reader
from services.reporting.api.pages.desk.team import Running
from services.reporting.api.pages.page import in_language, reader_language
from services.reporting.domain.ratings import Measured, rating
from services.reporting.domain.sampling import MOST, week_of
from services.reporting.views import figures, gaps, sampling, team
from services.reporting.views import people as people_views
from shared import audit
from shared.access import only_opd
from shared.dates import local_date
from shared.events.topics import TOPICS
from shared.messages import text
from shared.refusals import Invalid

router = APIRouter(prefix="/reporting/desk", include_in_schema=False, dependencies=[Depends(in_language)])

Fetched = Literal[
    "decisions",
    "imports",
    "policies",
    "rosters",
    "absences",
    "proposals",
    "calendar",
    "terminals",
    "subscriptions",
    "readiness",
    "messages",
    "audit",
]
"""Pages of what other services own."""
Word = Annotated[str | None, Query(max_length=100)]


@router.get("/people")
async def people(request: Request, service: Running, q: Word = None) -> Response:
    """People found by name, each with the way to their day."""
    who = await reader(request, "people")
    async with service.db.read() as tx:
        found = await people_views.found(tx, who, q, [], 100) if q else []
    return draw(request, who, "people", now=service.clock, found=found, q=q or "")


@router.get("/ratings")
async def ratings(
    request: Request, service: Running, result: Measured = "at", behaviour: Measured = "at"
) -> Response:
    """What a result and a behaviour would come to."""
    who = await reader(request, "ratings")
    rated = text(f"rating.{rating(result, behaviour)}", reader_language(request))
    return draw(request, who, "ratings", now=service.clock, result=result, behaviour=behaviour, rated=rated)


@router.get("/samples")
async def samples(
    request: Request,
    service: Running,
    opd: Word = None,
    week: Annotated[str | None, Query(max_length=8)] = None,
    size: Annotated[int, Query(ge=1, le=MOST)] = 20,
) -> Response:
    """The weekly audit of an OPD: what was drawn, and what was found. Last week's where none is named."""
    who = await reader(request, "samples")
    last = (local_date(service.clock.now()) - dt.timedelta(days=7)).isocalendar()
    named = week or f"{last.year}-W{last.week:02}"
    async with service.db.read() as tx:
        opds = await figures.opds(tx)
        code = only_opd(who) or opd or next(iter(dict(opds)), "")
        drawn, wrong = None, None
        try:
            span = week_of(named)
        except Invalid:
            wrong = text("sample.week", reader_language(request))
        else:
            at = moment(service, span.first)
            drawn = await sampling.sample(tx, code, span, at.as_of, size)
        names = (
            {
                one.employee_id: one.name
                for one in await people_views.found(
                    tx, who, None, [item.employee_id for item in drawn.items], MOST
                )
            }
            if drawn and drawn.items
            else {}
        )
    return draw(
        request,
        who,
        "samples",
        now=service.clock,
        sample=drawn,
        named=names,
        wrong=wrong,
        opds=opds,
        opd=code,
        week=named,
        size=size,
    )


@router.get("/repair")
async def repair(request: Request, service: Running) -> Response:
    """What is to be mended: what is missing in the facts, and what the other services have set aside."""
    who = await reader(request, "repair")
    async with service.db.read() as tx:
        found = await gaps.of_date(tx, local_date(service.clock.now()), only_opd(who))
    return draw(request, who, "repair", now=service.clock, gaps=found, topics=sorted(TOPICS))


@router.get("/{name}")
async def fetched(request: Request, service: Running, name: Fetched) -> Response:
    """A page whose content other services own."""
    who = await reader(request, name)
    names: dict[str, str | None] = {}
    async with service.db.read() as tx:
        opds = await figures.opds(tx)
        if name == "decisions" and who.subject is not None:
            names = await team.names(tx, who.subject)
    return draw(
        request,
        who,
        name,
        now=service.clock,
        opds=opds,
        names=names,
        capabilities=sorted(audit.VERBS),
        topics=sorted(TOPICS.values(), key=lambda topic: topic.name),
    )
