"""A report that is not handed in yet: private, half-filled as it may be. Pure."""

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from services.reporting.domain import Exact
from services.reporting.domain.reports import MOST_EVIDENCE, Amount, printable
from shared.events.base import MAX_ITEMS, UUID
from shared.personal import NamesNobody

KEPT = dt.timedelta(days=90)
"""A draft that nobody has touched for so long is forgotten."""

MOST = 100
"""Drafts of one person."""

Begun = Annotated[str, StringConstraints(max_length=500), AfterValidator(printable), NamesNobody]
"""Free text that may be empty still. What names somebody is refused here already, while it is being written."""


class DraftItem(Exact):
    """An item as far as it is written; nothing of it is checked against the catalogue yet."""

    item_id: Begun | None = None
    task_code: Begun | None = None
    task: Begun | None = None
    quantity: Amount | None = None
    unit: Begun | None = None
    target: Begun | None = None
    evidence: Annotated[list[UUID], Field(max_length=MOST_EVIDENCE)] = []


class Draft(Exact):
    """The whole draft of one work date."""

    items: Annotated[list[DraftItem], Field(max_length=MAX_ITEMS)]
