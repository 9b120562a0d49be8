"""Readiness of a unit or an OPD for work from home: a scored, dated assessment.

Five criteria, each a share from 0 to 1, with weights that are data. Source of the criteria: PermenPANRB 4/2025
art. 25 (tasks that need no special room or equipment, supervision), the city's own study (digital service,
connection), and the rule that no counter falls below its minimum.
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.base import Date
from shared.refusals import wrong

Share = Annotated[float, Field(ge=0, le=1)]
CRITERIA = ("remote_tasks", "digital_service", "supervision", "connection", "minimum_staff")
STEP = 0.05
"""Recommended shares are rounded down to steps of 5 %."""


class Weights(BaseModel):
    """How much each criterion counts; only their proportion matters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    remote_tasks: Annotated[float, Field(ge=0, le=100)] = 3
    digital_service: Annotated[float, Field(ge=0, le=100)] = 2
    supervision: Annotated[float, Field(ge=0, le=100)] = 2
    connection: Annotated[float, Field(ge=0, le=100)] = 1
    minimum_staff: Annotated[float, Field(ge=0, le=100)] = 2
    least_score: Share = 0.5
    """Below this score nobody should work from home yet."""

    @model_validator(mode="after")
    def _some(self) -> "Weights":
        if not any(getattr(self, name) for name in CRITERIA):
            raise wrong("readiness.no_weight")
        return self


class AssessmentIn(BaseModel):
    """What was found on a date, with the evidence beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject_kind: Literal["opd", "unit"]
    subject_id: Annotated[str, Field(min_length=1, max_length=64)]
    assessed_on: Date
    remote_tasks: Share
    """Part of the tasks that need no special room or equipment."""
    digital_service: Share
    """Part of the services that citizens can use without coming."""
    supervision: Share
    """Part of the staff whose superior sets and reviews daily output."""
    connection: Share
    """Part of the staff with a sufficient connection and device at home."""
    minimum_staff: Share
    """Part of the staff that no counter needs on site at once."""
    evidence: dict[str, Annotated[str, Field(max_length=2000)]] = {}
    """Notes by criterion."""

    @model_validator(mode="after")
    def _notes(self) -> "AssessmentIn":
        unknown = sorted(set(self.evidence) - set(CRITERIA))
        if unknown:
            raise wrong("readiness.unknown_criterion", criteria=", ".join(CRITERIA))
        return self


def score(given: AssessmentIn, weights: Weights) -> float:
    """The weighted mean of the criteria, 0 to 1."""
    total = sum(getattr(weights, name) for name in CRITERIA)
    return sum(getattr(weights, name) * getattr(given, name) for name in CRITERIA) / total


def recommended_share(given: AssessmentIn, weights: Weights) -> float:
    """The most people that should be at home on a day, as a share in steps of 5 %.

    Never more than the tasks, the connections or the counter's minimum allow; nothing below the least score;
    between these the score itself scales it.
    """
    value = score(given, weights)
    if value < weights.least_score:
        return 0.0
    most = min(given.remote_tasks, given.connection, given.minimum_staff) * value
    return round(math.floor(most / STEP + 1e-9) * STEP, 2)
