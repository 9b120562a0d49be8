"""Versions of the rules of judgement."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from shared.events import Mode, RulesChanged
from shared.events.base import Date, LocalTime, whole
from shared.events.scheduling import MAX_MODES


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
            raise ValueError("only WFO, WFH and DUTY_TRAVEL can owe a report")
        return sorted(set(modes))

    def event(self) -> RulesChanged:
        return RulesChanged(**self.model_dump())
