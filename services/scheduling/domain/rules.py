"""Versions of the rules of judgement."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from services.scheduling.domain.late import Touch
from shared.dates import midnight
from shared.events import Mode, RulesChanged
from shared.events.base import Date, LocalTime, whole
from shared.events.scheduling import MAX_MODES
from shared.refusals import wrong


class RulesIn(BaseModel):
    """One version of the rules; once given, its content never changes."""

    model_config = ConfigDict(extra="forbid")

    rules_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    effective_from: Date
    tolerance_minutes: Annotated[int, whole(0, 240)]
    report_modes: Annotated[list[Mode], Field(max_length=MAX_MODES)]
    report_cutoff: LocalTime
    review_sla_working_days: Annotated[int, whole(1, 60)]

    @field_validator("report_modes")
    @classmethod
    def _sorted(cls, modes: list[Mode]) -> list[Mode]:
        if not set(modes) <= {"WFO", "WFH", "DUTY_TRAVEL"}:
            raise wrong("rules.report_modes")
        return sorted(set(modes))

    def event(self) -> RulesChanged:
        return RulesChanged(**self.model_dump())


NONE_IN_FORCE = RulesIn(
    rules_version="-",
    effective_from=dt.date(1900, 1, 1),
    tolerance_minutes=0,
    report_modes=["WFH", "WFO"],
    report_cutoff="23:59:59",
    review_sla_working_days=3,
)
"""How days are judged that no version governs (docs/rules.md#verdicts)."""


def touches(given: RulesIn, stored: Sequence[RulesIn], today: dt.date) -> list[Touch]:
    """The dates and modes that `given` judges otherwise than what is `stored`, with what it alters of each.

    It governs from its effective_from to the next one; at a tie the greatest rules_version wins. A trip has no
    hours: where it owes a report its day begins at midnight.
    """

    def rank(one: RulesIn) -> tuple[dt.date, str]:
        return one.effective_from, one.rules_version

    before = [one for one in stored if one.effective_from <= given.effective_from]
    old = max(before, key=rank, default=NONE_IN_FORCE)
    if before and rank(old) > rank(given):
        return []
    until = min(
        (one.effective_from for one in stored if one.effective_from > given.effective_from), default=dt.date.max
    )
    day_begins = midnight(today)
    found: list[Touch] = []
    for mode in ("WFO", "WFH", "DUTY_TRAVEL"):
        altered = _altered(old, given, mode)
        if altered:
            begins = day_begins if mode == "DUTY_TRAVEL" else None
            found.append(Touch(None, given.effective_from, until, frozenset({mode}), begins, altered))
    return found


def _altered(old: RulesIn, new: RulesIn, mode: Mode) -> dict[str, Any]:
    """What of a person-day with this mode is judged otherwise: by parameter, the old and the new value."""
    owed, owes = mode in old.report_modes, mode in new.report_modes
    found: dict[str, tuple[Any, Any]] = {}
    if mode != "DUTY_TRAVEL":
        found["tolerance_minutes"] = old.tolerance_minutes, new.tolerance_minutes
    found["report_due"] = owed, owes
    if owed and owes:
        found["report_cutoff"] = _seconds(old.report_cutoff), _seconds(new.report_cutoff)
        found["review_sla_working_days"] = old.review_sla_working_days, new.review_sla_working_days
    return {name: {"old": one, "new": two} for name, (one, two) in found.items() if one != two}


def _seconds(local: str) -> str:
    return local if len(local) > len("17:00") else f"{local}:00"
