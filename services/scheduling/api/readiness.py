"""Readiness of OPD and units."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response

from services.scheduling.commands import plans
from services.scheduling.domain.readiness import CRITERIA, AssessmentIn, Weights, recommended_share, score
from services.scheduling.store import readiness
from services.scheduling.store.directory import known
from services.scheduling.views.csv_text import as_csv
from shared.access import ASSESS_READINESS, GOVERN, READ_READINESS, Principal, employee_of, only_opd, own_opd
from shared.auth import principal, require
from shared.dates import local_date
from shared.events.base import Date
from shared.http import page
from shared.refusals import FieldError, Invalid
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/readiness", tags=["readiness"])
Running = Annotated[Service, Depends(service_of)]
Officer = Annotated[Principal, Depends(require(GOVERN))]
Assessor = Annotated[Principal, Depends(require(ASSESS_READINESS))]
Reader = Annotated[Principal, Depends(require(READ_READINESS))]
COLUMNS = (
    "subject_kind",
    "subject_id",
    "opd_code",
    "name",
    "assessed_on",
    "weights_version",
    "score",
    "recommended_share",
    *CRITERIA,
)


@router.get("/weights", dependencies=[Depends(principal)])
async def read_weights(service: Running) -> dict[str, Any]:
    """The weights in use; version 0 are the defaults."""
    async with service.db.read() as tx:
        stored = await readiness.weights(tx)
    version, body = stored or (0, Weights().model_dump())
    return {"version": version, **body}


@router.put("/weights")
async def set_weights(given: Weights, service: Running, who: Officer) -> dict[str, Any]:
    """A new version of the weights, for assessments from now on."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        version = await readiness.add_weights(tx, given.model_dump(), now, str(employee_of(who)))
        await plans.note(
            tx, now, who, "readiness.weights", subject=version, reason=None, weights=given.model_dump()
        )
    return {"version": version, **given.model_dump()}


@router.post("", status_code=201)
async def assess(given: AssessmentIn, service: Running, who: Assessor) -> dict[str, Any]:
    """Store an assessment; its recommended share caps policies from its date on, unless one says why not."""
    async with service.db.transaction() as tx:
        stored = await known(tx)
        opd = given.subject_id if given.subject_kind == "opd" else stored.unit_opd.get(given.subject_id)
        if opd not in stored.opds:
            code = "scope.unknown_opd" if given.subject_kind == "opd" else "scope.unknown_unit"
            raise Invalid("validation", errors=[FieldError("subject_id", code, {"id": given.subject_id})])
        own_opd(who, [opd])
        now, officer = service.clock.now(), str(employee_of(who))
        newest = await readiness.weights(tx)
        if newest is None:
            defaults = Weights().model_dump()
            newest = await readiness.add_weights(tx, defaults, now, officer), defaults
        weights = Weights.model_validate(newest[1])
        points, share = score(given, weights), recommended_share(given, weights)
        body = given.model_dump(mode="json", exclude={"subject_kind", "subject_id", "assessed_on"})
        await readiness.add(
            tx,
            given.subject_kind,
            given.subject_id,
            given.assessed_on,
            newest[0],
            points,
            share,
            now,
            officer,
            body=body,
        )
        await plans.note(
            tx,
            now,
            who,
            "readiness.assessed",
            subject=given.subject_id,
            reason=None,
            assessment=given.model_dump(mode="json"),
            recommended_share=share,
        )
    return {**given.model_dump(), "weights_version": newest[0], "score": points, "recommended_share": share}


@router.get("")
async def read_city(
    service: Running, who: Reader, date: Date | None = None, format: Literal["json", "csv"] = "json"
) -> Any:
    """Every OPD and unit with its latest assessment on a date, as a list or as CSV."""
    opd_code = only_opd(who)
    async with service.db.read() as tx:
        rows = await readiness.city(tx, date or local_date(service.clock.now()), opd_code)
    items: list[dict[str, Any]] = []
    for row in rows:
        body: dict[str, Any] = row["body"] or {}
        item = {name: row[name] for name in COLUMNS if name not in CRITERIA}
        items.append({**item, **{name: body.get(name) for name in CRITERIA}, "evidence": body.get("evidence")})
    if format == "csv":
        return Response(as_csv(COLUMNS, items), media_type="text/csv; charset=utf-8")
    return page(items, None)
