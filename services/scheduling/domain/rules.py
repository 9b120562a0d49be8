"""Versions of the rules of judgement."""

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from shared.events import Mode, RulesChanged

LocalTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]


class RulesIn(BaseModel):
    """One version of the rules; once given, its content never changes."""

    model_config = ConfigDict(extra="forbid")

    rules_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    effective_from: Annotated[dt.date, Field(ge=dt.date(1900, 1, 1), le=dt.date(2999, 12, 31))]
    tolerance_minutes: Annotated[int, Field(ge=0, le=240)]
    report_modes: list[Mode]
    report_cutoff: LocalTime
    review_sla_working_days: Annotated[int, Field(ge=1, le=60)]

    @field_validator("report_modes")
    @classmethod
    def _sorted(cls, modes: list[Mode]) -> list[Mode]:
        if not set(modes) <= {"WFO", "WFH", "DUTY_TRAVEL"}:
            raise ValueError("only WFO, WFH and DUTY_TRAVEL can owe a report")
        return sorted(set(modes))

    def event(self) -> RulesChanged:
        return RulesChanged(**self.model_dump())
