"""Which events can be taken back, and how an officer names one."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from shared.events import TOPICS, RecordDisowned

ReasonCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
"""A code, never a sentence: it is published to everyone."""

CAN_BE_DISOWNED = tuple(topic for topic in TOPICS if topic != RecordDisowned.topic)
"""A disowning is not disowned but revoked: else nobody could say what holds without reading them in order."""


class DisownedIn(BaseModel):
    """An event to be taken back, by the `ce_id` of its record and its topic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ce_id: UUID
    topic: str
    reason: ReasonCode


class RevocationIn(BaseModel):
    """Why an event counts again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: ReasonCode = "mistaken"
