"""What all events have in common.

An event is a data class and its declaration side by side: the model says what travels, `topic` and
`key_field` say where. Topic name = CloudEvents type = schema file name. Within one major version fields are
only added, so a reader ignores what it does not know.

Numbers and times are bounded so that whatever passes here also fits into PostgreSQL: a record that no
database can hold is refused when it is read, not when a whole batch is written.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

OpdCode = Annotated[str, StringConstraints(min_length=1, max_length=64)]
UnitId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
LocalTime = Annotated[
    str, StringConstraints(pattern=r"^(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?|24:00(?::00)?)$")
]
"""Local wall time in Asia/Jakarta, `HH:MM[:SS]`; `24:00` is the end of the day."""


def _within_reason(value: datetime) -> datetime:
    if not 1900 <= value.year <= 2999:
        raise ValueError("the year must be between 1900 and 2999")
    return value


Instant = Annotated[AwareDatetime, AfterValidator(_within_reason)]
"""RFC 3339 timestamp with an offset."""

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Revision = Annotated[int, Field(ge=0, le=2**53)]
Quantity = Annotated[float, Field(ge=-1e12, le=1e12)]

Duty = Literal["on_time", "place", "hours", "report", "output"]
DUTIES: tuple[Duty, ...] = ("on_time", "place", "hours", "report", "output")
State = Literal["met", "not_met", "unknown", "pending", "not_due"]
Mode = Literal["WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF"]
Zone = Literal["office", "remote", "elsewhere", "uncertain", "unknown"]
PunchKind = Literal["in", "out"]


class Part(BaseModel):
    """A piece of an event that never travels alone."""

    # Another system may well write a version or a code as a number; nothing is lost by reading it as text.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, coerce_numbers_to_str=True)


class Event(Part):
    """Something that happened, as other systems may read it."""

    topic: ClassVar[str]
    key_field: ClassVar[str]
    description: ClassVar[str]

    @property
    def key(self) -> str:
        """The Kafka key: the id of the entity the event is about, as text."""
        return str(getattr(self, self.key_field))


class Place(Part):
    """A circle on the map: degrees and metres."""

    lat: float
    lon: float
    radius_m: float


class Scope(Part):
    """Whom something is for; several fields are united."""

    all: bool = False
    opd_codes: list[OpdCode] = []
    unit_ids: list[UnitId] = []
