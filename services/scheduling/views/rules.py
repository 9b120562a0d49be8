"""The rules of judgement as they are read."""

import datetime as dt

from services.scheduling.store import rules as store
from services.scheduling.views.answer import Answer
from shared.database import Tx


class Rules(Answer):
    """One version, as it was given; also one from before a bound of the contract was drawn."""

    rules_version: str
    effective_from: dt.date
    tolerance_minutes: int
    report_modes: list[str]
    report_cutoff: str
    review_sla_working_days: int
    created_at: dt.datetime


async def listed(tx: Tx) -> list[Rules]:
    """Every version, newest first."""
    return [Rules.model_validate(row) for row in await store.all_rules(tx)]
