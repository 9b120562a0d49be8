"""The weekly audit of an OPD as it is drawn, and what was found."""

import datetime as dt
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.reporting.domain.sampling import SALT, Week, drawn, seed_of, share_of
from services.reporting.store import sampling as store
from shared.database import Tx
from shared.events import ReportItem, ReviewedItem


class FindingView(BaseModel):
    """What looking at a report again came to, and who looked."""

    model_config = ConfigDict(from_attributes=True)

    report_id: UUID
    error: bool
    reason: str
    found_at: dt.datetime
    found_by: UUID


class SampledReport(BaseModel):
    """An accepted report that was drawn; `finding` is null until somebody has looked."""

    report_id: UUID
    employee_id: UUID
    work_date: dt.date
    revision: int
    submitted_at: dt.datetime
    items: list[ReportItem]
    reviewed_at: dt.datetime
    reviewer_id: UUID
    accepted: list[ReviewedItem]
    finding: FindingView | None


class Sample(BaseModel):
    """The audit of one OPD and week as of an instant, in the order it was drawn.

    `accepted`: how many reports it is drawn from. `seed` is the SHA-256 of OPD, week and `salt`. Of the sample
    `examined` have a finding; `share` of them is in error, with its Wilson interval at 95 %.
    """

    opd_code: str
    week: str
    first: dt.date
    last: dt.date
    as_of: dt.datetime
    salt: str
    seed: str
    accepted: int
    items: list[SampledReport]
    examined: int
    in_error: int
    share: float | None
    wilson_low: float | None
    wilson_high: float | None


async def draw(tx: Tx, opd_code: str, week: Week, as_of: dt.datetime, size: int) -> tuple[int, list[UUID]]:
    """From how many accepted reports is drawn, and what: the same for everyone, whenever they ask."""
    accepted = await store.accepted(tx, opd_code, week.first, week.last, as_of)
    return len(accepted), drawn(seed_of(opd_code, week), accepted, size)


async def sample(tx: Tx, opd_code: str, week: Week, as_of: dt.datetime, size: int) -> Sample:
    """The draw as of the instant, with what has been found since."""
    accepted, report_ids = await draw(tx, opd_code, week, as_of, size)
    reports = await store.reports(tx, report_ids, as_of)
    findings = await store.findings(tx, report_ids)
    found = share_of([finding.error for finding in findings.values()])
    return Sample(
        opd_code=opd_code,
        week=week.name,
        first=week.first,
        last=week.last,
        as_of=as_of,
        salt=SALT,
        seed=seed_of(opd_code, week),
        accepted=accepted,
        items=[_sampled(reports[report_id], findings.get(report_id)) for report_id in report_ids],
        **found._asdict(),
    )


async def finding(tx: Tx, report_id: UUID) -> FindingView:
    """What was found in a report that somebody has looked at."""
    return FindingView.model_validate((await store.findings(tx, [report_id]))[report_id])


def _sampled(report: store.Drawn, finding: store.Finding | None) -> SampledReport:
    return SampledReport(
        **report._asdict(), finding=None if finding is None else FindingView.model_validate(finding)
    )
