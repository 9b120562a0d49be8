"""The doors of attendance: how they read what they are given."""

from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import JsonValue, TypeAdapter, ValidationError

from shared.http import field_errors
from shared.refusals import Invalid
from shared.service import Service, service_of

Running = Annotated[Service, Depends(service_of)]
Parsed = TypeVar("Parsed")

PREFIX = "/attendance/v1"
_TAGS = ("manual", "void", "missed_punch", "own_line", "wrong_key", "wrong_place", "appeal")
"""What tells the variants of a body apart: in the path of a wrong field they are no field."""


def unreadable(error: ValidationError) -> Invalid:
    """422 that names each wrong field by its path in the body."""
    errors = error.errors(include_url=False, include_input=False)
    for wrong in errors:
        if wrong["type"].startswith("union_tag"):
            wrong["loc"] = (str(wrong.get("ctx", {}).get("discriminator")).strip("'"),)
    return Invalid("validation", errors=field_errors(errors, drop=_TAGS))


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
            return [whole(part) for part in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            _, _, part = str(node["$ref"]).rpartition("/")
            return whole(parts[part])
        return {name: whole(value) for name, value in node.items() if name != "discriminator"}

    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole(schema)}}}}
