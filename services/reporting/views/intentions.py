"""What somebody intended to do on a work date, beside what they reported."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain.intentions import compare
from services.reporting.domain.reports import Item, report_id_of
from services.reporting.store import intentions as store
from services.reporting.store import reports
from shared.database import Tx
from shared.events import Mode
from shared.refusals import Missing


class IntendedItem(BaseModel):
    """One piece of work; `reported_quantity` is what the report holds of it, null while there is no report."""

    task: str
    unit: str | None
    quantity: float | None
    task_code: str | None
    target: str | None
    reported_quantity: float | None


class IntentionView(BaseModel):
    """What was said of a work date before it began. `unplanned`: items of the report that nobody had intended.

    `mode` is that of the day's plan: on a day at home an intention is looked for.
    """

    employee_id: UUID
    work_date: dt.date
    mode: Mode | None
    said_at: dt.datetime
    items: Sequence[IntendedItem]
    unplanned: Sequence[Item]


async def of_day(tx: Tx, employee_id: UUID, work_date: dt.date) -> IntentionView:
    """What somebody intended, compared with their report. Raises Missing where nothing was said."""
    intention = await store.get(tx, employee_id, work_date)
    if intention is None:
        raise Missing("intention.none", params={"work_date": work_date})
    report = await reports.get(tx, report_id_of(employee_id, work_date))
    compared, unplanned = compare(intention.items, report.items if report else None)
    return IntentionView(
        employee_id=employee_id,
        work_date=work_date,
        mode=await reports.mode_of(tx, employee_id, work_date),
        said_at=intention.said_at,
        items=[
            IntendedItem(
                task=one.intended.task,
                unit=one.intended.unit,
                quantity=one.intended.quantity,
                task_code=one.intended.task_code,
                target=one.intended.target,
                reported_quantity=one.reported_quantity,
            )
            for one in compared
        ],
        unplanned=unplanned,
    )
