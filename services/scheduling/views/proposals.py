"""Late changes as officers read them."""

import datetime as dt
from typing import Any
from uuid import UUID

from services.scheduling.domain.late import first_free_date
from services.scheduling.store.proposals import proposal_days
from services.scheduling.store.tables import Proposal
from shared.cursors import encode_cursor, read_cursor
from shared.http import page
from shared.service import Service

PAGE = 1000
PLAN_FIELDS = ("mode", "opd_code", "unit_id", "starts_at", "ends_at")


async def proposal_view(service: Service, proposal: Proposal) -> dict[str, Any]:
    """A proposal and the first page of the person-days it alters.

    `alone_from`: the first date from which the same change would need no second officer; None for a disowning,
    which always needs two.
    """
    disowning = proposal.kind in ("disown", "own")
    alone_from = None if disowning else first_free_date(proposal.proposed_at)
    first_page = await altered(service, proposal.proposal_id, None)
    return {**proposal.model_dump(), "alone_from": alone_from, "items": first_page["items"]}


def _day_view(row: Any) -> dict[str, Any]:
    """A person-day before and after, and what differs: by field, `old` and `new`."""
    kept = row["row"]
    item = {
        "employee_id": row["employee_id"],
        "work_date": row["work_date"],
        "old_mode": row["old_mode"],
        "new_mode": kept["mode"],
    }
    if "altered" in kept:
        # Not the plan changes but how it is judged.
        return {**item, "before": None, "after": None, "altered": kept["altered"]}
    after = {name: kept.get(name) for name in PLAN_FIELDS}
    before = {name: kept.get(f"old_{name}") for name in PLAN_FIELDS} if row["old_mode"] else None
    altered = {
        name: {"old": before and before[name], "new": after[name]}
        for name in PLAN_FIELDS
        if before is None or before[name] != after[name]
    }
    return {**item, "before": before, "after": after, "altered": altered}


async def altered(service: Service, proposal_id: UUID, cursor: str | None) -> dict[str, Any]:
    after = (dt.date.min, UUID(int=0))
    if cursor:
        day, employee_id = read_cursor(cursor, dt.date, UUID)
        after = day, employee_id
    async with service.db.read() as tx:
        items = [_day_view(row) for row in await proposal_days(tx, proposal_id, after, PAGE)]
    following = encode_cursor(items[-1]["work_date"], items[-1]["employee_id"]) if len(items) == PAGE else None
    return page(items, following)
