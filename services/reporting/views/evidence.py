"""Evidence as the person and those who answer for them see it."""

import datetime as dt
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain.evidence import Evidence, MediaType
from services.reporting.store import evidence as store
from services.reporting.views.people import answers_for
from shared.access import READ_EVIDENCE, Principal, may
from shared.database import Tx
from shared.refusals import Missing


class EvidenceView(BaseModel):
    """One file. An item of a report names it by `evidence_id`; `purged_at` is when the file went.

    `metadata` is `removed` from a picture, which was drawn anew; a PDF is `kept` as it came, with whatever it says
    of its author and its pictures. `reported`: a report has named it.
    """

    evidence_id: UUID
    work_date: dt.date
    media_type: MediaType
    size: int
    width: int | None
    height: int | None
    name: str | None
    sha256: str
    added_at: dt.datetime
    metadata: Literal["removed", "kept"]
    reported: bool
    purged_at: dt.datetime | None


def shown(evidence: Evidence) -> EvidenceView:
    return EvidenceView(
        evidence_id=evidence.evidence_id,
        work_date=evidence.work_date,
        media_type=evidence.media_type,
        size=evidence.size,
        width=evidence.width,
        height=evidence.height,
        name=evidence.name,
        sha256=evidence.sha256,
        added_at=evidence.added_at,
        metadata="kept" if evidence.media_type == "application/pdf" else "removed",
        reported=evidence.reported,
        purged_at=evidence.purged_at,
    )


async def own(tx: Tx, employee_id: UUID, work_date: dt.date) -> list[EvidenceView]:
    """One's own files of a work date."""
    found = await store.of_day(tx, employee_id, work_date, only_reported=False)
    return [shown(evidence) for evidence in found]


async def of_person(tx: Tx, who: Principal, employee_id: UUID, work_date: dt.date) -> list[EvidenceView]:
    """The files that somebody's report of a work date has named. Raises Missing for whom they are not meant."""
    if who.subject != employee_id and not await _may_read(tx, who, employee_id):
        raise Missing("person.unknown")
    found = await store.of_day(tx, employee_id, work_date, only_reported=True)
    return [shown(evidence) for evidence in found]


async def readable(tx: Tx, who: Principal, evidence_id: UUID) -> Evidence:
    """The file that `who` may read: their own, or one that a report of their people has named.

    Raises Missing: also where it was purged, and then it says when.
    """
    evidence = await store.get(tx, evidence_id)
    if evidence is None or not evidence.stored:
        raise Missing("evidence.unknown")
    if who.subject != evidence.employee_id and not (
        evidence.reported and await _may_read(tx, who, evidence.employee_id)
    ):
        raise Missing("evidence.unknown")
    if evidence.purged_at is not None:
        raise Missing("evidence.purged", params={"at": evidence.purged_at.date()})
    return evidence


async def _may_read(tx: Tx, who: Principal, employee_id: UUID) -> bool:
    return may(who, READ_EVIDENCE) or await answers_for(tx, who, employee_id)
