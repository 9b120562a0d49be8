"""The doors of the weekly audit: draw an OPD's sample, and say what was found in a report of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from services.reporting.api.figures import Code, Running, moment
from services.reporting.commands import sampling as commands
from services.reporting.domain.sampling import MOST, FindingIn, week_of
from services.reporting.views import sampling as views
from services.reporting.views.sampling import FindingView, Sample
from shared.access import EXAMINE_REPORTS, Principal, only_opd
from shared.auth import require
from shared.query import InstantParam
from shared.refusals import Forbidden

router = APIRouter(prefix="/reporting/v1", tags=["samples"])

WeekName = Annotated[str, Path(max_length=8, description="A week of ISO 8601", examples=["2025-W45"])]


def examiner(opd_code: Code, who: Annotated[Principal, Depends(require(EXAMINE_REPORTS))]) -> Principal:
    """FastAPI dependency: who may look at the OPD's reports again."""
    if only_opd(who) not in (None, opd_code):
        raise Forbidden("opd.not_yours", params={"own": who.opd or "-"})
    return who


Examiner = Annotated[Principal, Depends(examiner)]


@router.get("/opds/{opd_code}/samples/{week}")
async def sample(
    *,
    opd_code: Code,
    week: WeekName,
    _: Examiner,
    service: Running,
    size: Annotated[int, Query(ge=1, le=MOST)] = 20,
    as_of: InstantParam | None = None,
) -> Sample:
    """Accepted reports of the week, drawn by a published seed: as of one instant the same for everyone, for ever.

    For auditors, BKPSDM and the OPD's admin.
    """
    span = week_of(week)
    at = moment(service, span.first, as_of)
    async with service.db.read() as tx:
        return await views.sample(tx, opd_code, span, at.as_of, size)


@router.put("/opds/{opd_code}/samples/{week}/{report_id}")
async def find(
    *,
    opd_code: Code,
    week: WeekName,
    report_id: UUID,
    found: FindingIn,
    who: Examiner,
    service: Running,
) -> FindingView:
    """Say what was found in a report that is drawn now; the same again changes nothing.

    403 for one's own report and for one that one decided on, 404 for one that is not among the first 200 drawn.
    """
    return await commands.find(service.db, service.clock, who, opd_code, week_of(week), report_id, found)
