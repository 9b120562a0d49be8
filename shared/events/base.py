"""What all events have in common, and the words they are made of: each bound of the contract is said here, once.

An event is a data class and its declaration side by side: the model says what travels, the class variables where,
who may read it, and what makes it happen. Topic name = CloudEvents type = schema file name. Within one major
version fields are only added, so a reader ignores what it does not know.

Values are read exactly or not at all. The same declarations serve the events, the golden schemas, the bodies of
the HTTP doors and the cells of imported files, so that whatever a door takes can be published, and whatever is
published can be read and stored by everyone. The checks run in compiled code: they are made for each record.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args
from uuid import UUID as _UUID

from msgspec import Meta
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreSchema, SchemaValidator, core_schema

FIRST_DATE = dt.date(1900, 1, 1)
LAST_DATE = dt.date(2999, 12, 31)
FIRST_INSTANT = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
LAST_INSTANT = dt.datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)

MAX_TEXT = 4000
MAX_NAME = 300
MAX_CODE = 100
MAX_REVISION = 2**40

MAX_REQUIREMENTS = 200
MAX_PLACES = 50
MAX_SCOPE = 1000
MAX_HEADS = 200
MAX_SKILLS = 20
MAX_ITEMS = 200
MAX_HOLIDAYS = 400
MAX_FLAGS = 20
MAX_VALUE_BYTES = 1_000_000
"""Of one event's JSON, before any compression."""

_DATE = "(?:19|2[0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
DATE_PATTERN = f"^{_DATE}$"
INSTANT_PATTERN = f"^{_DATE}[Tt]{_CLOCK}:[0-5][0-9](?:[.][0-9]+)?(?:[Zz]|[+-]{_CLOCK})$"
LOCAL_TIME_PATTERN = f"^{_CLOCK}(?::[0-5][0-9])?$"
END_TIME_PATTERN = f"^(?:{_CLOCK}(?::[0-5][0-9])?|24:00(?::00)?)$"
UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


@dataclass(frozen=True, eq=False)
class Read:
    """How a value is read, what is wanted in place of one that cannot be, and its JSON Schema.

    lean: the type by which `shared.events.lean` reads it as our own services write it; None: only `core` reads it.
    """

    core: CoreSchema
    wanted: str
    json: dict[str, Any]
    lean: Any = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.custom_error_schema(
            self.core, custom_error_type="contract", custom_error_message=f"must be {self.wanted}"
        )

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.json)


def _text_or(given: CoreSchema, text: CoreSchema) -> CoreSchema:
    """In JSON read by `text`, in Python either the value itself, as `given` has it, or text."""
    return core_schema.json_or_python_schema(
        json_schema=text, python_schema=core_schema.union_schema([given, text], mode="left_to_right")
    )


LeanInstant = Annotated[dt.datetime, Meta(tz=True)]

# Strict or not is said here, so that the strictness of a model that uses these changes nothing.
_date_text = core_schema.chain_schema(
    [
        core_schema.str_schema(coerce_numbers_to_str=False, pattern=DATE_PATTERN),
        core_schema.date_schema(strict=False),
    ]
)
_instant_text = core_schema.chain_schema(
    [
        core_schema.str_schema(coerce_numbers_to_str=False, pattern=INSTANT_PATTERN),
        core_schema.datetime_schema(
            strict=False,
            tz_constraint="aware",
            ge=FIRST_INSTANT,
            le=LAST_INSTANT,
            microseconds_precision="truncate",
        ),
    ]
)
_uuid_text = core_schema.chain_schema(
    [
        # Of the forms that the parser knows only the plain one has 36 characters.
        core_schema.str_schema(coerce_numbers_to_str=False, min_length=36, max_length=36),
        core_schema.uuid_schema(strict=False),
    ]
)
ID_AND_TIME = SchemaValidator(core_schema.tuple_schema([_uuid_text, _instant_text]))
"""Reads the texts, or UTF-8 bytes, of a UUID and an Instant; the envelope's."""

Date = Annotated[
    dt.date,
    Read(
        _text_or(core_schema.date_schema(strict=True, ge=FIRST_DATE, le=LAST_DATE), _date_text),
        "a date YYYY-MM-DD of the years 1900 to 2999 (RFC 3339 full-date)",
        {"type": "string", "format": "date", "pattern": DATE_PATTERN},
        dt.date,
    ),
]
"""A local calendar date: RFC 3339 full-date, the years 1900 to 2999."""

WorkDate = Date
"""The local calendar date, in Asia/Jakarta, that a plan, punch or report belongs to."""

Instant = Annotated[
    dt.datetime,
    Read(
        _text_or(
            core_schema.datetime_schema(strict=True, tz_constraint="aware", ge=FIRST_INSTANT, le=LAST_INSTANT),
            _instant_text,
        ),
        "a time with seconds and offset of the years 1900 to 2999 (RFC 3339 date-time), "
        "like 2025-11-06T07:30:00+07:00",
        {"type": "string", "format": "date-time", "pattern": INSTANT_PATTERN},
        LeanInstant,
    ),
]
"""An instant: RFC 3339 date-time with its offset, of the years 1900 to 2999 as written and in UTC.

Digits after the sixth of a second are cut, never rounded: 07:29:59.9999999 is before 07:30:00. This is the only
reader of instants; nothing else, no database either, reads them from text. A leap second (`:60`) is refused:
neither Python nor PostgreSQL can hold one.
"""

InstantUTC = Annotated[Instant, AfterValidator(lambda value: value.astimezone(dt.UTC))]
"""An Instant that is kept and published in UTC, whatever offset it came with."""

UUID = Annotated[
    _UUID,
    Read(
        _text_or(core_schema.uuid_schema(strict=True), _uuid_text),
        "a UUID in its plain form, like 0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55",
        {"type": "string", "format": "uuid", "pattern": UUID_PATTERN},
        _UUID,
    ),
]
"""A UUID in plain form: 8-4-4-4-12 hexadecimal digits. Either case is read, the lower is written."""


def whole(low: int, high: int) -> Read:
    """A whole number. JSON has one kind of number, so 1.0 and 1e0 are 1, as in JSON Schema; text and booleans are
    none."""
    exact = core_schema.int_schema(strict=True, ge=low, le=high)
    written_as_float = core_schema.chain_schema(
        [
            core_schema.float_schema(strict=True, allow_inf_nan=False),
            core_schema.int_schema(strict=False, ge=low, le=high),
        ]
    )
    return Read(
        core_schema.union_schema([exact, written_as_float], mode="left_to_right"),
        f"a whole number from {low} to {high}",
        {"type": "integer", "minimum": low, "maximum": high},
        Annotated[int, Meta(ge=low, le=high)],
    )


def number(low: float, high: float) -> Read:
    """A finite number; text and booleans are none."""
    return Read(
        core_schema.float_schema(strict=True, allow_inf_nan=False, ge=low, le=high),
        f"a number from {low:g} to {high:g}",
        {"type": "number", "minimum": low, "maximum": high},
        Annotated[float, Meta(ge=low, le=high)],
    )


Count = Annotated[int, whole(0, 2**31 - 1)]
Revision = Annotated[int, whole(0, MAX_REVISION)]
Year = Annotated[int, whole(FIRST_DATE.year, LAST_DATE.year)]
Weekday = Annotated[int, whole(0, 6)]
"""Monday is 0."""

Staff = Annotated[int, whole(0, 1_000_000)]
Quantity = Annotated[float, number(-1e12, 1e12)]
Share = Annotated[float, number(0, 1)]
Latitude = Annotated[float, number(-90, 90)]
"""Degrees, north positive."""

Longitude = Annotated[float, number(-180, 180)]
"""Degrees, east positive."""

Radius = Annotated[float, number(0, 20_037_509)]
"""Metres, at most half way round the Earth."""

Truth = Annotated[bool, Read(core_schema.bool_schema(strict=True), "true or false", {"type": "boolean"}, bool)]


NO_NUL_PATTERN = "^[^\\u0000]*$"


def _text(low: int, high: int, wanted: str, *, numbers: bool = False) -> Read:
    """Text without the character NUL, which PostgreSQL cannot store: in JSON the envelope looks for it, once.

    numbers: a whole number is read as its digits, nothing being lost; another system may well write a code so.
    """
    in_json: CoreSchema = core_schema.str_schema(coerce_numbers_to_str=False, min_length=low, max_length=high)
    in_python = core_schema.str_schema(
        coerce_numbers_to_str=False, min_length=low, max_length=high, pattern=NO_NUL_PATTERN
    )
    if numbers:
        digits = core_schema.chain_schema(
            [core_schema.int_schema(strict=True), core_schema.no_info_plain_validator_function(str), in_json]
        )
        in_json = core_schema.union_schema([in_json, digits], mode="left_to_right")
    json: dict[str, Any] = {"type": "string", "maxLength": high, "pattern": NO_NUL_PATTERN}
    if low:
        json["minLength"] = low
    return Read(
        core_schema.json_or_python_schema(json_schema=in_json, python_schema=in_python),
        f"{wanted} of {low} to {high} characters, without NUL",
        json,
        Annotated[str, Meta(min_length=low, max_length=high)],
    )


Text = Annotated[str, _text(0, MAX_TEXT, "text")]
Name = Annotated[str, _text(0, MAX_NAME, "a name")]
Code = Annotated[str, _text(1, MAX_CODE, "a code", numbers=True)]
OpdCode = Code
UnitId = Code


def _time(pattern: str, wanted: str) -> Read:
    return Read(
        core_schema.str_schema(coerce_numbers_to_str=False, pattern=pattern),
        wanted,
        {"type": "string", "pattern": pattern},
    )


LocalTime = Annotated[str, _time(LOCAL_TIME_PATTERN, "a local time HH:MM or HH:MM:SS")]
"""Local wall time in Asia/Jakarta, `HH:MM[:SS]`, before midnight."""

EndTime = Annotated[str, _time(END_TIME_PATTERN, "a local time HH:MM or HH:MM:SS, or 24:00")]
"""As LocalTime; `24:00` is the end of the day. Hours past midnight are two requirements."""

Duty = Literal["on_time", "place", "hours", "report", "output"]
DUTIES: tuple[Duty, ...] = get_args(Duty)
State = Literal["met", "not_met", "unknown", "pending", "not_due"]
Mode = Literal["WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF"]
Zone = Literal["office", "remote", "elsewhere", "uncertain", "unknown"]
PunchKind = Literal["in", "out"]

T = TypeVar("T")
_instant = TypeAdapter[dt.datetime](Instant)
_date = TypeAdapter[dt.date](Date)


def read_instant(text: str) -> dt.datetime:
    """The instant that `text` names, as the contract reads it. Raises ValueError that says what is wanted."""
    return _read(_instant, text)


def read_date(text: str) -> dt.date:
    """The date that `text` names, as the contract reads it. Raises ValueError that says what is wanted."""
    return _read(_date, text)


def _read(adapter: TypeAdapter[T], text: str) -> T:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise ValueError(error.errors(include_url=False, include_input=False)[0]["msg"]) from error


class Part(BaseModel):
    """A piece of an event that never travels alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


ServiceName = Literal["scheduling", "attendance", "reporting", "notifications"]
SERVICES: tuple[ServiceName, ...] = get_args(ServiceName)
Audience = Literal["public", "internal", "restricted"]
KEEP_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1"}


class Event(Part):
    """Something that happened, as other systems may read it; and of its topic all that there is to say.

    owner: the service that publishes it, and nobody else does.
    audience: `public` carries no personal data at all; `internal` carries employee_id only; `restricted` is
    personal data. It decides the access list.
    trigger: what makes it happen.
    fact: the fields that say which fact a record is about; of two about the same one the greater
    (revision, ce_id) holds. With `revision` among them every revision is a fact; none at all: each record is.
    readers: the services that handle it.
    example: one value, as JSON has it, of made-up people.
    config: the topic's settings in Kafka, of which retention is one.
    tombstones: a record without a value is the erasure of its key.
    """

    topic: ClassVar[str]
    key_field: ClassVar[str]
    owner: ClassVar[ServiceName]
    audience: ClassVar[Audience]
    description: ClassVar[str]
    trigger: ClassVar[str]
    fact: ClassVar[tuple[str, ...]]
    readers: ClassVar[tuple[ServiceName, ...]] = ()
    example: ClassVar[Mapping[str, Any]]
    partitions: ClassVar[int] = 1
    config: ClassVar[Mapping[str, str]] = KEEP_FOR_EVER
    tombstones: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """The Kafka key: the id of the entity the event is about, as text."""
        return str(getattr(self, self.key_field))


class Place(Part):
    """A circle on the map: degrees and metres."""

    lat: Latitude
    lon: Longitude
    radius_m: Radius


class Scope(Part):
    """Whom something is for; several fields are united."""

    all: Truth = False
    opd_codes: Annotated[list[OpdCode], Field(max_length=MAX_SCOPE)] = []
    unit_ids: Annotated[list[UnitId], Field(max_length=MAX_SCOPE)] = []
