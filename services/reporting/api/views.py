"""The doors of the views (product.md section 11): who may see what, as of when; the figures come from store.views.

An auditor reads what BKPSDM reads. The council reads aggregates only: no door here gives it a person.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from services.reporting.domain import disclosure
from services.reporting.store import access, views
from shared.access import (
    AGGREGATES_ONLY,
    READ_ALL_PEOPLE,
    READ_CITY,
    READ_OPDS,
    READ_PEOPLE,
    SMALL_CELLS_MERGED,
    Principal,
    may,
    only_opd,
)
from shared.auth import Caller, require
from shared.cursors import encode_cursor, read_cursor
from shared.dates import local_date, moment_text, time_text
from shared.events.base import MAX_CODE, Date
from shared.http import page
from shared.messages import Language, language_of, text
from shared.query import InstantParam, not_ahead
from shared.refusals import Forbidden, Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/v1", tags=["views"])

Running = Annotated[Service, Depends(service_of)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Code = Annotated[str, Path(max_length=MAX_CODE, pattern=r"^[^\x00]+$")]

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:")


@dataclass(frozen=True, slots=True)
class Moment:
    """Which local work date is looked at, and as of which instant."""

    date: dt.date
    as_of: dt.datetime


def moment(
    service: Running,
    date: Annotated[
        Date | None, Query(description="Local work date; the date of as_of when left out", examples=["2025-11-06"])
    ] = None,
    as_of: Annotated[
        InstantParam | None,
        Query(
            description="Instant with an offset, not in the future; now when left out",
            examples=["2025-11-06T08:00:00+07:00"],
        ),
    ] = None,
) -> Moment:
    """FastAPI dependency: the `date` and `as_of` of a view."""
    now = service.clock.now()
    instant = not_ahead(as_of, now) if as_of else now
    return Moment(date or local_date(instant), instant)


At = Annotated[Moment, Depends(moment)]


def visible_opd(who: Principal) -> str | None:
    """The only OPD whose aggregates `who` may see; None when it is all of them. 403 for the others."""
    own_opd = only_opd(who)
    if may(who, READ_OPDS) and own_opd != "":
        return own_opd
    raise Forbidden("auth.forbidden", params={"role": who.role, "allowed": ", ".join(READ_OPDS)})


@router.get("/city", dependencies=[Depends(require(READ_CITY))])
async def city(at: At, who: Caller, service: Running) -> dict[str, Any]:
    """The city on one date. For BKPSDM, auditors and the council, who are shown no figures of few people."""
    async with service.db.read() as tx:
        found = await views.city(tx.connection, at.date, at.as_of)
    return disclosure.city_for_all(found) if may(who, SMALL_CELLS_MERGED) else found


@router.get("/opds")
async def opds(at: At, who: Caller, service: Running) -> dict[str, Any]:
    """The same for each OPD; an OPD admin sees their own."""
    opd_code = visible_opd(who)
    async with service.db.read() as tx:
        found = await views.opds(tx.connection, at.date, at.as_of, opd_code)
    return page(disclosure.opds_for_all(found) if may(who, SMALL_CELLS_MERGED) else found, None)


@router.get("/opds/{opd_code}/people")
async def people(
    *,
    opd_code: Code,
    who: Annotated[Principal, Depends(require(READ_PEOPLE))],
    at: At,
    service: Running,
    request: Request,
    limit: Limit = 1000,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Those whose plan for the date names the OPD, by employee_id. For BKPSDM, auditors and the OPD's admin.

    The cursor keeps date and as_of, so that all pages show the same moment.
    """
    if only_opd(who) not in (None, opd_code):
        raise Forbidden("opd.not_yours", params={"own": who.opd or "-"})
    after = None
    if cursor:
        at, after = _after(cursor, at, request)
    async with service.db.read() as tx:
        found = await views.people(tx.connection, opd_code, at.date, at.as_of, after, limit + 1)
    items = found[:limit]
    more = encode_cursor(items[-1]["employee_id"], at.date, at.as_of) if len(found) > limit else None
    return page(items, more)


def _after(cursor: str, at: Moment, request: Request) -> tuple[Moment, UUID]:
    after, date, as_of = read_cursor(cursor, UUID, dt.date, dt.datetime)
    given = request.query_params
    return Moment(at.date if "date" in given else date, at.as_of if "as_of" in given else as_of), after


@router.get("/people/{employee_id}/days/{date}")
async def person_day(
    *,
    employee_id: UUID,
    who: Caller,
    service: Running,
    request: Request,
    date: Date,
    as_of: InstantParam | None = None,
) -> dict[str, Any]:
    """One person's date with the reason for each state.

    For the person, their superiors, their OPD's admin, BKPSDM and auditors; 404 for everyone else.
    """
    at = moment(service, date, as_of)
    async with service.db.read() as tx:
        if not await _may_see(tx.connection, who, employee_id, at.date):
            raise Missing("person.unknown")
        day = await views.person_day(tx.connection, employee_id, at.date, at.as_of)
    return explained(day, language_of(request.headers.get("accept-language")))


async def _may_see(connection: Any, who: Principal, employee_id: UUID, date: dt.date) -> bool:
    if may(who, READ_ALL_PEOPLE) or who.subject == employee_id:
        return True
    if may(who, AGGREGATES_ONLY):
        return False
    if only_opd(who) in await access.opds_of(connection, employee_id, date):
        return True
    return who.subject is not None and who.subject in await views.superiors_of(connection, employee_id)


def explained(day: dict[str, Any], language: Language) -> dict[str, Any]:
    """`day` of views.person_day with each reason also in words, its instants as local times."""
    for duty in day["duties"].values():
        because = duty["because"]
        code: str = because["code"]
        common = f"because.{code.partition('.')[2]}"
        values = {name: _spoken(value, day["work_date"], language) for name, value in because["params"].items()}
        # Leave, rest days and the like have one text for all duties.
        because["text"] = text(common if code in _SHARED else f"because.{code}", language, **values)
    return day


_SHARED = frozenset(
    f"{duty}.{reason}"
    for duty in ("on_time", "place", "hours", "report", "output")
    for reason in ("leave", "off", "duty_travel", "mode_without_report")
)


def _spoken(value: Any, work_date: str, language: Language) -> str:
    """A compared value as people say it: local time, with the date where it is not the work date."""
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, str) or not _INSTANT.match(value):
        return "–" if value is None else str(value)
    instant = dt.datetime.fromisoformat(value)
    on_the_day = local_date(instant).isoformat() == work_date
    return (time_text if on_the_day else moment_text)(instant, language, seconds=True)


@router.get("/units")
async def units(
    at: At, _: Caller, service: Running, limit: Limit = 1000, cursor: str | None = None
) -> dict[str, Any]:
    """Every service point, by unit_id. For everyone who is signed in."""
    after = read_cursor(cursor, str)[0] if cursor else ""
    async with service.db.read() as tx:
        found = [unit for unit in await views.units(tx.connection, at.date, at.as_of) if unit["unit_id"] > after]
    more = encode_cursor(found[limit - 1]["unit_id"]) if len(found) > limit else None
    return page(found[:limit], more)


@router.get("/units/{unit_id}/timeline")
async def timeline(unit_id: Code, at: At, _: Caller, service: Running) -> dict[str, Any]:
    """One service point's date, segment by segment. For everyone who is signed in."""
    async with service.db.read() as tx:
        found = await views.unit_timeline(tx.connection, unit_id, at.date, at.as_of)
    if found is None:
        raise Missing("unit.unknown", params={"unit_id": unit_id})
    return found
