"""The published contract is the one in the code, and only ever grows."""

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import TOPICS, schemas
from tests.contract.compatibility import PLACE, breaks, moves
from tests.contract.strategies import of_event

RELEASED = schemas.FOLDER / "released" / "v1"
Schema = dict[str, Any]


def released(topic: str) -> Schema:
    return json.loads((RELEASED / f"{topic}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("topic", TOPICS)
def test_the_golden_schema_is_what_the_code_says(topic: str) -> None:
    written = (schemas.FOLDER / f"{topic}.json").read_text(encoding="utf-8")
    assert written == schemas.text(topic), "run `make schemas` and look at what changed"


def test_every_schema_file_belongs_to_a_topic() -> None:
    assert {path.stem for path in schemas.FOLDER.glob("*.v*.json")} == set(TOPICS)


def test_the_asyncapi_document_is_what_the_code_says() -> None:
    written = (schemas.FOLDER / "asyncapi.json").read_text(encoding="utf-8")
    assert written == schemas.asyncapi_text(), "run `make schemas` and look at what changed"


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_we_publish_is_valid_by_the_golden_schema(topic: str, data: st.DataObject) -> None:
    event = data.draw(of_event(TOPICS[topic].event))
    jsonschema.validate(
        json.loads(event.model_dump_json()),
        schemas.schema(topic),
        cls=jsonschema.Draft202012Validator,
        format_checker=jsonschema.FormatChecker(["uuid", "date"]),
    )


@pytest.mark.parametrize("topic", TOPICS)
def test_the_contract_has_only_grown_since_its_release(topic: str) -> None:
    assert (RELEASED / f"{topic}.json").is_file(), f"release it: copy docs/events/{topic}.json to {RELEASED.name}/"
    assert breaks(released(topic), schemas.schema(topic)) == []
    stood = json.loads((RELEASED / "topics.json").read_text(encoding="utf-8"))
    assert topic in stood, f"release it: copy docs/events/topics.json to {RELEASED.name}/"
    assert moves(stood[topic], schemas.places()[topic]) == []


def test_the_places_of_the_topics_are_what_the_code_says() -> None:
    written = (schemas.FOLDER / "topics.json").read_text(encoding="utf-8")
    assert written == schemas.places_text(), "run `make schemas` and look at what changed"


def test_no_released_topic_has_gone() -> None:
    assert {path.stem for path in RELEASED.glob("*.v*.json")} <= set(TOPICS)


# The check itself: each way to break a contract is caught, and each allowed growth passes.


def _remove_field(schema: Schema) -> None:
    del schema["properties"]["reason"]


def _rename_field(schema: Schema) -> None:
    schema["properties"]["why"] = schema["properties"].pop("reason")


def _change_type(schema: Schema) -> None:
    schema["properties"]["revision"]["type"] = "string"


def _narrow(schema: Schema) -> None:
    schema["properties"]["revision"]["maximum"] = 10


def _widen(schema: Schema) -> None:
    del schema["properties"]["revision"]["maximum"]


def _require_a_new_field(schema: Schema) -> None:
    schema["properties"]["office"] = {"type": "string"}
    schema["required"].append("office")


def _require_an_old_field(schema: Schema) -> None:
    schema["required"].append("revoked")


def _stop_requiring(schema: Schema) -> None:
    schema["required"].remove("reason")


def _change_a_nested_field(schema: Schema) -> None:
    schema["$defs"]["Scope"]["properties"]["unit_ids"]["items"]["type"] = "integer"


def _remove_a_nested_field(schema: Schema) -> None:
    del schema["$defs"]["Scope"]["properties"]["opd_codes"]


def _close(schema: Schema) -> None:
    schema["additionalProperties"] = False


@pytest.mark.parametrize(
    ("change", "field", "whom"),
    [
        (_remove_field, "reason", "a reader of before misses it"),
        (_rename_field, "reason", "a reader of before misses it"),
        (_change_type, "revision", "readers of before and of now would differ"),
        (_narrow, "revision", "readers of before and of now would differ"),
        (_widen, "revision", "readers of before and of now would differ"),
        (_require_a_new_field, "office", "a reader of now refuses an old record"),
        (_require_an_old_field, "revoked", "a reader of now refuses an old record"),
        (_stop_requiring, "reason", "a reader of before refuses a new record"),
        (_change_a_nested_field, "scope.unit_ids[]", "readers of before and of now would differ"),
        (_remove_a_nested_field, "scope.opd_codes", "a reader of before misses it"),
        (_close, "[]", "readers of before and of now would differ"),
    ],
)
def test_a_breaking_change_is_caught_and_told_with_whom_it_breaks(
    change: Callable[[Schema], None], field: str, whom: str
) -> None:
    old = schemas.schema("outage.declared.v1")
    new = copy.deepcopy(old)
    change(new)
    found = breaks(old, new)
    assert any(reason.startswith(f"{field}: ") and whom in reason for reason in found), found


@pytest.mark.parametrize(
    "change",
    [
        {"key": "scope"},
        {"audience": "internal"},
        {"partitions": 3},
        {"owner": "reporting"},
        {"audience": "restricted"},
        {"config": {"cleanup.policy": "delete", "retention.ms": "604800000"}},
        {"config": {"cleanup.policy": "compact", "retention.ms": "-1"}},
        {"tombstones": True},
        {"fact": ["outage_id", "revision"]},
    ],
)
def test_a_topic_that_moves_is_caught(change: dict[str, Any]) -> None:
    old = schemas.places()["outage.declared.v1"]
    assert moves(old, old) == []
    ((name, becomes),) = change.items()
    (reason,) = moves(old, {**old, **change})
    assert reason == f"{name}: {old[name]!r} became {becomes!r}: {PLACE[name]}"


@pytest.mark.parametrize("change", ["grow", "shrink"])
def test_a_changed_set_of_words_is_caught(change: str) -> None:
    old = schemas.schema("coverage.changed.v1")
    new = copy.deepcopy(old)
    words = new["properties"]["status"]["enum"]
    words.append("crowded") if change == "grow" else words.pop()
    assert breaks(old, new) != []


def test_an_optional_field_a_nested_one_and_new_words_of_description_are_growth() -> None:
    old = schemas.schema("outage.declared.v1")
    new = copy.deepcopy(old)
    new["properties"]["office"] = {"type": "string", "default": ""}
    new["$defs"]["Scope"]["properties"]["employments"] = {"type": "array", "items": {"type": "string"}}
    new["description"] = "Better words."
    assert breaks(old, new) == []
