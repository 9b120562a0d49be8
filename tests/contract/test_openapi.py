"""The doors of each service are what its OpenAPI document says, every answer is declared, and doors only grow."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast

import pytest

from deploy import openapi
from shared.events.base import SERVICES, ServiceName
from tests.contract.compatibility import closes

RELEASED = openapi.FOLDER / "released" / "v1"
Json = dict[str, Any]


@cache
def document(service: ServiceName) -> Json:
    return openapi.document(service)


def operations(service: ServiceName) -> Iterator[tuple[str, Json]]:
    """(method and path, operation) of each door."""
    for path, methods in document(service)["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


@pytest.mark.parametrize("service", SERVICES)
def test_the_golden_document_is_what_the_doors_say(service: ServiceName) -> None:
    written = (openapi.FOLDER / f"{service}.json").read_text(encoding="utf-8")
    # No comparison that pytest would spell out: it is thousands of lines.
    assert (written == openapi.text(service)) is True, "run `make schemas` and look at what changed"


@pytest.mark.parametrize("service", SERVICES)
def test_every_door_says_what_its_answer_is(service: ServiceName) -> None:
    untyped = [
        f"{door}: {status}"
        for door, operation in operations(service)
        for status, answer in operation["responses"].items()
        if status.startswith("2") and status != "204" and not declared(answer)
    ]
    assert untyped == [], "declare the model that the door returns, or its response_class"


def declared(answer: Json) -> bool:
    """Whether an answer has content, and any JSON in it a model: nothing is just an object."""
    content: Json = answer.get("content", {})
    return bool(content) and all(
        media_type != "application/json" or named(part["schema"]) for media_type, part in content.items()
    )


def named(schema: Json) -> bool:
    parts: list[Json] = schema.get("anyOf") or schema.get("oneOf") or []
    if parts:
        return all(named(part) for part in parts)
    if schema.get("type") == "array":
        return named(cast("Json", schema.get("items", {})))
    return "$ref" in schema or schema.get("type") in ("string", "null")


def test_an_answer_without_a_model_is_seen() -> None:
    reference = {"$ref": "#/components/schemas/Receipt"}
    for schema in (reference, {"type": "array", "items": reference}, {"anyOf": [reference, {"type": "null"}]}):
        assert named(schema)
    vague: list[Json] = [{}, {"type": "object", "additionalProperties": True}, {"type": "array", "items": {}}]
    for schema in vague:
        assert not named(schema)
        assert not declared({"description": "Done", "content": {"application/json": {"schema": schema}}})
    assert not declared({"description": "Done"})
    assert declared({"content": {"text/csv": {"schema": {"type": "string"}}}})


@pytest.mark.parametrize("service", SERVICES)
def test_doors_refuse_with_problems_only(service: ServiceName) -> None:
    responses = document(service)["components"]["responses"]
    for door, operation in operations(service):
        refusals = {status for status in operation["responses"] if status[0] in "45"}
        assert {"422", "500", "503"} <= refusals, door
        for status in refusals:
            assert operation["responses"][status] == {"$ref": f"#/components/responses/{status}"}, door
            assert list(responses[status]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in openapi.text(service)


@pytest.mark.parametrize("service", SERVICES)
def test_every_reference_leads_somewhere(service: ServiceName) -> None:
    def references(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            for name, inner in cast("Json", node).items():
                if name == "$ref":
                    yield inner
                else:
                    yield from references(inner)
        elif isinstance(node, list):
            for inner in cast("list[object]", node):
                yield from references(inner)

    for reference in references(document(service)):
        place: Any = document(service)
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("service", SERVICES)
def test_the_doors_have_only_grown_since_their_release(service: ServiceName) -> None:
    released = RELEASED / f"{service}.json"
    assert closes(json.loads(released.read_text(encoding="utf-8")), document(service)) == []


# The check itself: each way to close a door is caught, and each allowed growth passes.

PUNCHES, OUTAGES = "/attendance/v1/punches", "/attendance/v1/outages"


def _schema(doc: Json, name: str) -> Json:
    return doc["components"]["schemas"][name]


def _body(doc: Json) -> Json:
    return doc["paths"][PUNCHES]["post"]["requestBody"]["content"]["application/json"]["schema"]


def _remove_a_path(doc: Json) -> None:
    del doc["paths"][OUTAGES]


def _remove_a_method(doc: Json) -> None:
    del doc["paths"][OUTAGES]["post"]


def _remove_a_status(doc: Json) -> None:
    del doc["paths"][PUNCHES]["post"]["responses"]["200"]


def _remove_a_member_of_an_answer(doc: Json) -> None:
    del _schema(doc, "Receipt")["properties"]["zone"]


def _let_a_member_of_an_answer_go_missing(doc: Json) -> None:
    _schema(doc, "Receipt")["required"].remove("zone")


def _change_the_type_of_an_answer(doc: Json) -> None:
    _schema(doc, "Receipt")["properties"]["at"] = {"type": "integer"}


def _require_a_parameter(doc: Json) -> None:
    parameter = {"in": "query", "name": "year", "required": True, "schema": {"type": "integer"}}
    doc["paths"][OUTAGES]["get"].setdefault("parameters", []).append(parameter)


def _remove_a_parameter(doc: Json) -> None:
    doc["paths"][OUTAGES]["get"]["parameters"].pop()


def _require_a_member_of_a_body(doc: Json) -> None:
    _body(doc)["properties"]["office"] = {"type": "string"}
    _body(doc)["required"].append("office")


def _narrow_a_body(doc: Json) -> None:
    _body(doc)["properties"]["kind"]["enum"].pop()


def _remove_a_body(doc: Json) -> None:
    del doc["paths"][PUNCHES]["post"]["requestBody"]


@pytest.mark.parametrize(
    "change",
    [
        _remove_a_path,
        _remove_a_method,
        _remove_a_status,
        _remove_a_member_of_an_answer,
        _let_a_member_of_an_answer_go_missing,
        _change_the_type_of_an_answer,
        _require_a_parameter,
        _remove_a_parameter,
        _require_a_member_of_a_body,
        _narrow_a_body,
        _remove_a_body,
    ],
)
def test_a_door_that_closes_is_caught(change: Callable[[Json], None]) -> None:
    new = copy.deepcopy(document("attendance"))
    change(new)
    assert closes(document("attendance"), new) != []


def test_new_doors_members_parameters_and_words_are_growth() -> None:
    old = document("attendance")
    new = copy.deepcopy(old)
    new["paths"]["/attendance/v2/punches"] = new["paths"][PUNCHES]
    _schema(new, "Receipt")["properties"]["office"] = {"type": "string"}
    _schema(new, "Receipt")["required"].append("office")
    _body(new)["properties"]["office"] = {"type": "string"}
    _body(new)["properties"]["kind"]["enum"].append("break")
    _body(new)["required"].remove("kind")
    parameter = {"in": "query", "name": "year", "schema": {"type": "integer"}}
    new["paths"][OUTAGES]["get"].setdefault("parameters", []).append(parameter)
    assert closes(old, new) == []


def test_a_door_that_takes_a_body_says_which() -> None:
    """A body that a route reads by hand and does not declare is invisible to those who write clients."""
    bare = {
        path
        for service in SERVICES
        for path, doors in document(service)["paths"].items()
        for method, door in doors.items()
        if method in ("post", "put") and "requestBody" not in door
    }
    assert bare == {
        "/notifications/v1/me/inbox/read",
        "/notifications/v1/me/inbox/{notification_id}/acknowledge",
        "/notifications/v1/me/inbox/{notification_id}/read",
        "/reporting/v1/session-tokens",
        "/reporting/v1/sign-in-links",
        "/scheduling/v1/acting/{acting_id}/end",
        "/scheduling/v1/directory/publish",
        "/scheduling/v1/hours/{special_id}/withdraw",
        "/scheduling/v1/me/calendar",
        "/scheduling/v1/policies/{policy_id}/withdraw",
        "/scheduling/v1/postings/{change_id}/cancel",
        "/scheduling/v1/swaps/{swap_id}/agree",
        "/scheduling/v1/swaps/{swap_id}/refuse",
    }
