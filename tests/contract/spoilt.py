"""Values at, just beyond and far beyond every bound of every field, worked out from the golden schemas."""

import copy
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared.events import TOPICS, schemas
from tests.contract.strategies import JsonSchema, values
from tests.kit.properties import SLOW_IS_FINE

DAY = "2026-02-16"
MORNING = "2026-02-16T07:30:00+07:00"
ABSENT = object()

DATES = [
    DAY, "1900-01-01", "2999-12-31", "1899-12-31", "3000-01-01", "0001-01-01", "9999-12-31", "2026-02-30",
    "2026-W08-1",
    "20260216", "infinity", "", 20260216, 1771200000, "2026-02-16T00:00:00Z", "2026-02-1\u0666",
]  # fmt: skip
INSTANTS = [
    MORNING, "1900-01-01T00:00:00Z", "2999-12-31T23:59:59.999999Z", "1900-01-01T00:00:00+07:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-16T07:30:00", "1762389000",
    1762389000, 1e300,
    "2026-02-16T07:30:00.9999999999+07:00", "2026-02-16t00:30:00z", "2026-02-16T07:30:00+07:90", "now", "infinity",
]  # fmt: skip
UUIDS = [
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF", "ffffffffffffffffffffffffffffffff", "", 7, "not-an-id",
]  # fmt: skip
TIMES = ["00:00", "23:59:59", "24:00", "24:00:01", "07:3\u0660", "7:30", "07:30\n", "", 730]
WORDS = [
    "'; drop table fact_plan; --", "\0", "a\\u0000b", "\x01\x1f", "\ud800", "\u202e\u2028", "{}", "\U0001f600", 7,
    1.5,
]  # fmt: skip
WHOLE = [0, 1, 1.0, 1.5, "1", 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 10**30, -1]
NUMBERS = [0, -0.0, 5e-324, 1e-300, 1e300, -1e300, 1e15, "1"]
ANYTHING: list[object] = [None, True, False, [], {}, [None], "x", ABSENT]


def plain(schema: JsonSchema, definitions: JsonSchema) -> Any:  # noqa: PLR0911 - one for each kind
    """The plainest value that `schema` admits, with all its fields."""
    if "$ref" in schema:
        return plain(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        return plain(schema["anyOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "string":
            named = {"date": DAY, "date-time": MORNING, "uuid": str(uuid5(NAMESPACE_URL, "plain"))}
            return named.get(schema.get("format", ""), "x" if "maxLength" in schema else "08:00")
        case "integer" | "number":
            return schema["minimum"] if schema["minimum"] > 0 else 1
        case "boolean":
            return False
        case "array":
            return [plain(schema["items"], definitions)]
        case "object":
            return {name: plain(one, definitions) for name, one in schema["properties"].items()}
        case other:
            raise NotImplementedError(other)


def extremes(schema: JsonSchema, definitions: JsonSchema) -> list[Any]:  # noqa: PLR0911 - one for each kind
    """What to put into a field of this kind, admitted or not."""
    if "$ref" in schema:
        return extremes(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        return [one for part in schema["anyOf"] for one in extremes(part, definitions)]
    if "enum" in schema:
        return [*schema["enum"], "", "other", 0, *ANYTHING]
    match schema["type"]:
        case "string":
            if "maxLength" in schema:
                high = schema["maxLength"]
                sized = ["", "x" * high, "x" * (high + 1), "\U0001f600" * high, "\xe9" * (high + 1)]
                return [*sized, *WORDS, *ANYTHING]
            named = {"date": DATES, "date-time": INSTANTS, "uuid": UUIDS}
            return [*named.get(schema.get("format", ""), TIMES), *ANYTHING]
        case "integer":
            edges = [schema["minimum"] - 1, schema["minimum"], schema["maximum"], schema["maximum"] + 1]
            return [*edges, *WHOLE, *ANYTHING]
        case "number":
            return [schema["minimum"], schema["maximum"], schema["maximum"] * 1.1, *NUMBERS, *ANYTHING]
        case "array":
            one, most = plain(schema["items"], definitions), schema["maxItems"]
            return [[], [one] * most, [one] * (most + 1), *ANYTHING]
        case _:
            return [*ANYTHING, 0, 1, "true"]


def _places(
    schema: JsonSchema, definitions: JsonSchema, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(path, schema) of every field, nested ones too; of a list, its first item."""
    if "$ref" in schema:
        yield from _places(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions, path)
        return
    if path:
        yield path, schema
    if schema.get("type") == "array":
        yield from _places(schema["items"], definitions, (*path, 0))
    for name, one in schema.get("properties", {}).items():
        yield from _places(one, definitions, (*path, name))


def _with(value: Any, path: tuple[Any, ...], extreme: Any) -> Any:
    changed = copy.deepcopy(value)
    place = changed
    for step in path[:-1]:
        place = place[step]
    if extreme is not ABSENT:
        place[path[-1]] = extreme
    elif isinstance(place, dict):
        del place[path[-1]]
    return changed


def every_extreme(topic: str) -> Iterator[dict[str, Any]]:
    """A plain value of the topic with one field at or beyond one of its bounds: each field, each bound.

    Each speaks of another person, unit, outage or report, so that none hides behind another's revision.
    """
    schema = schemas.schema(topic)
    definitions = schema.get("$defs", {})
    value = plain(schema, definitions)
    for place, (path, one) in enumerate(_places(schema, definitions, ())):
        for number, extreme in enumerate(extremes(one, definitions)):
            yield _with(_of_its_own(topic, value, f"{place}-{number}"), path, extreme)


def _of_its_own(topic: str, value: dict[str, Any], name: str) -> dict[str, Any]:
    own = {
        field: str(uuid5(NAMESPACE_URL, f"{topic}/{name}/{field}"))
        for field in ("employee_id", "punch_id", "outage_id", "report_id", "notification_id")
    }
    own |= {"unit_id": f"U{name}", "rules_version": f"r{name}"}
    return {field: own.get(field, one) for field, one in value.items()}


def drawn(topic: str, count: int) -> list[dict[str, Any]]:
    """`count` valid values, the same ones on every run."""
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=SLOW_IS_FINE,
    )
    @given(st.shared(values(topic)))
    def draw(value: dict[str, Any]) -> None:
        found.append(value)

    draw()
    return found


def flood(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(topic, value) of everything above, for every topic."""
    for topic in TOPICS:
        for value in (*every_extreme(topic), *drawn(topic, count)):
            yield topic, value
