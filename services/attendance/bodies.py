"""What the doors of attendance take and give, as JSON."""

import datetime as dt
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import to_json

from services.attendance.domain import TimeTrust
from shared.events import PunchKind, Zone
from shared.events.base import UUID, Date, Instant, Revision, Scope
from shared.http import field_errors
from shared.personal import Reason
from shared.refusals import Invalid

Parsed = TypeVar("Parsed")

MOST_OFFLINE = 500
"""Punches in one offline batch."""

NOWHERE = 0.001
"""Degrees around 0, 0: some hundred metres of open sea."""


Moment = Annotated[Instant, AfterValidator(lambda value: value.astimezone(dt.UTC))]
"""An instant, kept and published in UTC whatever offset it came with."""


class In(BaseModel):
    """Exact bodies: a misspelt field is an error, not silence, and a number is no substitute for a time."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Unusable(Enum):
    """In the place of evidence that says nothing."""

    UNUSABLE = "unusable"


class PositionIn(In):
    """Degrees, and the radius in metres within which the phone takes itself to be.

    Platforms say "no value" with numbers: an accuracy of 0 or -1, or the point at 0, 0 off the coast of Africa.
    What else a phone tells (altitude, speed) is not looked at.
    """

    model_config = ConfigDict(extra="ignore")

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    accuracy_m: float = Field(gt=0, le=1_000_000)

    @model_validator(mode="after")
    def _is_somewhere(self) -> "PositionIn":
        if abs(self.lat) < NOWHERE and abs(self.lon) < NOWHERE:
            raise ValueError("0, 0 is a platform's way to say that there is no position")
        return self


_POSITION = TypeAdapter(PositionIn)
_MOMENT = TypeAdapter(Moment)


# A reading that is no reading must not cost anyone the check-in that it came with.
def _position(value: Any) -> PositionIn | Unusable | None:
    try:
        return None if value is None else _POSITION.validate_python(value)
    except ValidationError:
        return Unusable.UNUSABLE


def _moment(value: Any) -> dt.datetime | Unusable | None:
    if value is None:
        return None
    try:
        # Read as JSON, where a time is a text.
        return _MOMENT.validate_json(to_json(value)) if isinstance(value, str) else Unusable.UNUSABLE
    except ValidationError:
        return Unusable.UNUSABLE


class PunchIn(In):
    """One check-in or check-out as the phone tells it. `punch_id` is the phone's, so that a retry is no
    second punch; `device_at` and `position` are evidence: what says nothing is set aside and flagged.

    Of a punch made offline `device_at` is the time, and needed.
    """

    punch_id: UUID
    kind: PunchKind
    device_at: Annotated[
        dt.datetime | Unusable | None, PlainValidator(_moment, json_schema_input_type=Moment | None)
    ] = None
    position: Annotated[
        PositionIn | Unusable | None, PlainValidator(_position, json_schema_input_type=PositionIn | None)
    ] = None


class BatchIn(In):
    punches: list[Any] = Field(max_length=MOST_OFFLINE)
    """Each is read on its own, so that one bad punch does not hold back the others."""


class ManualIn(In):
    """A punch that an officer vouches for. `work_date` only where the plans would say another one."""

    action: Literal["manual"]
    punch_id: UUID | None = None
    employee_id: UUID
    kind: PunchKind
    at: Moment
    work_date: Date | None = None
    zone: Literal["office", "remote", "elsewhere"] | None = None
    """Where it happened, if the officer vouches for that too; without it the place stays unknown."""
    reason: Reason


class VoidIn(In):
    """A punch that shall no longer count."""

    action: Literal["void"]
    punch_id: UUID
    reason: Reason


class ScopeIn(Scope):
    """Whom an outage excuses, as it will be published; a misspelt field is an error here."""

    model_config = ConfigDict(extra="forbid")


class OutageIn(In):
    """`outage_id` is the caller's, so that a retry declares no second outage."""

    outage_id: UUID | None = None
    scope: ScopeIn
    starts_at: Moment
    ends_at: Moment
    reason: Reason


class OutageRevisionIn(In):
    """The whole outage as it shall be. `revision` is the one that the officer saw."""

    revision: Revision
    scope: ScopeIn
    starts_at: Moment
    ends_at: Moment
    reason: Reason


class RevocationIn(In):
    reason: Reason


class Receipt(BaseModel):
    """What was recorded; the same for every retry of the same punch."""

    model_config = ConfigDict(from_attributes=True)

    punch_id: UUID
    work_date: dt.date
    kind: PunchKind
    at: dt.datetime
    received_at: dt.datetime
    zone: Zone
    flags: list[str]
    time_trust: TimeTrust


class VoidOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    punch_id: UUID
    work_date: dt.date
    voided_at: dt.datetime
    voided_by: str
    reason: str


class PunchOut(Receipt):
    """A punch as its person and their officers see it."""

    device_at: dt.datetime | None
    source: Literal["app", "offline", "terminal", "manual"]
    void: VoidOut | None


class OutageOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    outage_id: UUID
    revision: int
    scope: Scope
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str
    declared_by: str
    revoked: bool


class AuditOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    at: dt.datetime
    actor: str
    role: str
    action: str
    subject: str
    reason: str
    details: dict[str, Any]


PUNCH = TypeAdapter(PunchIn)
BATCH = TypeAdapter(BatchIn)
CORRECTION: TypeAdapter[ManualIn | VoidIn] = TypeAdapter(
    Annotated[ManualIn | VoidIn, Field(discriminator="action")]
)
OUTAGE = TypeAdapter(OutageIn)
OUTAGE_REVISION = TypeAdapter(OutageRevisionIn)
REVOCATION = TypeAdapter(RevocationIn)


def unreadable(error: ValidationError) -> Invalid:
    """422 that names each wrong field by its path in the body."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    for one in found:
        if one["type"].startswith("union_tag"):
            one["loc"] = ("action",)
    return Invalid("validation", errors=field_errors(found, drop=("manual", "void")))


async def read(request: Request, adapter: TypeAdapter[Parsed]) -> Parsed:
    """The body of a request, straight from its bytes. Raises Invalid."""
    try:
        return adapter.validate_json(await request.body())
    except ValidationError as error:
        raise unreadable(error) from error


def described(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """For `openapi_extra`: the body that `read` takes."""
    schema = adapter.json_schema()
    parts = schema.pop("$defs", {})

    def whole(node: JsonValue) -> JsonValue:
        """`node` with the parts that it refers to in their places: OpenAPI keeps its own list of parts."""
        if isinstance(node, list):
            return [whole(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return whole(parts[str(node["$ref"]).rsplit("/", 1)[1]])
        return {name: whole(value) for name, value in node.items() if name != "discriminator"}

    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole(schema)}}}}
