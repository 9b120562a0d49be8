"""Valid values of the contract, made from its golden schemas."""

import datetime as dt
import json
from typing import Any

from hypothesis import strategies as st

from shared.events import TOPICS, Event, schemas

# NUL cannot be stored and surrogates cannot be written: neither can be in an event.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
# RFC 3339 offsets have whole minutes.
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
INSTANTS = st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2999, 12, 30), timezones=OFFSETS)  # noqa: DTZ001
DATES = st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31))
WIB = dt.timezone(dt.timedelta(hours=7))

JsonSchema = dict[str, Any]


def _string(schema: JsonSchema) -> st.SearchStrategy[str]:
    match schema.get("format"):
        case "date":
            return DATES.map(str)
        case "date-time":
            return INSTANTS.map(dt.datetime.isoformat)
        case "uuid":
            return st.uuids().map(str)
        case _:
            pass
    if "maxLength" in schema:
        low, high = schema.get("minLength", 0), schema["maxLength"]
        short = TEXT.filter(bool) if low else TEXT
        return st.one_of(short, short, short, st.sampled_from(["é", "x"]).map(lambda one: one * high))
    pattern: str = schema["pattern"]
    return st.from_regex(pattern, fullmatch=True)


def of_schema(schema: JsonSchema, definitions: JsonSchema) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one each
    """Any JSON value that `schema` admits, fields that are not required sometimes left out."""
    if "$ref" in schema:
        return of_schema(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        return st.one_of(*(of_schema(one, definitions) for one in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "string":
            return _string(schema)
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "number":
            return st.floats(schema["minimum"], schema["maximum"])
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            return st.lists(of_schema(schema["items"], definitions), max_size=min(4, schema["maxItems"]))
        case "object":
            fields = {name: of_schema(one, definitions) for name, one in schema["properties"].items()}
            required = {name: one for name, one in fields.items() if name in schema.get("required", ())}
            return st.fixed_dictionaries(
                required, optional={name: one for name, one in fields.items() if name not in required}
            )
        case other:
            raise NotImplementedError(other)


def values(topic: str, schema: JsonSchema | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """Valid values of a topic, as JSON objects; by the schema of today, or by this one."""
    schema = schema or schemas.schema(topic)
    plain = of_schema(schema, schema.get("$defs", {}))
    if topic == "schedule.changed.v1":
        return st.builds(_with_hours, plain, st.integers(-24 * 60, 47 * 60), st.integers(1, 48 * 60))
    if topic == "outage.declared.v1":
        return st.builds(_with_end, plain, st.integers(0, 31 * 24 * 3600))
    return plain


def _with_hours(value: dict[str, Any], start: int, minutes: int) -> dict[str, Any]:
    """Hours within a day of the work date, for at most two days; none where the mode has none."""
    date = min(max(dt.date.fromisoformat(value["work_date"]), dt.date(1900, 1, 4)), dt.date(2999, 12, 25))
    midnight = dt.datetime.combine(date, dt.time(), WIB)
    if value["mode"] in ("WFO", "WFH"):
        starts_at = midnight + dt.timedelta(minutes=start)
        hours = {"starts_at": starts_at, "ends_at": starts_at + dt.timedelta(minutes=minutes)}
        value = {**value, **{name: one.isoformat() for name, one in hours.items()}, "work_date": str(date)}
    else:
        value = {**value, **{name: None for name in ("starts_at", "ends_at") if name in value}}
    return value


def _with_end(value: dict[str, Any], seconds: int) -> dict[str, Any]:
    starts_at = dt.datetime.fromisoformat(value["starts_at"])
    starts_at = min(starts_at, dt.datetime(2999, 11, 1, tzinfo=dt.UTC))
    ends_at = starts_at + dt.timedelta(seconds=seconds)
    return {**value, "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}


def of_event(event: type[Event]) -> st.SearchStrategy[Event]:
    """Any valid event of this kind, as its readers get it."""
    assert event.topic in TOPICS
    return values(event.topic).map(lambda value: event.model_validate_json(json.dumps(value)))
