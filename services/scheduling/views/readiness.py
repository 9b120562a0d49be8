"""Readiness as it is read: the weights, and every OPD and unit with its latest assessment."""

import datetime as dt

from services.scheduling.domain.readiness import AssessmentIn, Weights
from services.scheduling.store import readiness as store
from services.scheduling.views.answer import Answer
from shared.access import Principal, only_opd
from shared.database import Tx


class StoredWeights(Weights):
    """Weights by version; version 0 are the defaults."""

    version: int


class Assessment(AssessmentIn):
    """An assessment and what came of it, by the weights of that version."""

    weights_version: int
    score: float
    recommended_share: float


class Readiness(Answer):
    """An OPD or unit with its latest assessment, or nulls."""

    subject_kind: str
    subject_id: str
    opd_code: str
    name: str
    assessed_on: dt.date | None
    weights_version: int | None
    score: float | None
    recommended_share: float | None
    remote_tasks: float | None = None
    digital_service: float | None = None
    supervision: float | None = None
    connection: float | None = None
    minimum_staff: float | None = None
    evidence: dict[str, str] | None = None


COLUMNS = tuple(name for name in Readiness.model_fields if name != "evidence")
"""Of the same as a table."""


async def weights(tx: Tx) -> StoredWeights:
    """The weights in use."""
    version, body = await store.weights(tx) or (0, {})
    return StoredWeights(version=version, **body)


async def city(tx: Tx, who: Principal, day: dt.date) -> list[Readiness]:
    """Every OPD and unit as assessed by a date; an OPD admin sees their own OPD."""
    rows = await store.city(tx, day, only_opd(who))
    return [Readiness.model_validate({**(row["body"] or {}), **row}) for row in rows]
