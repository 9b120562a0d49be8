"""Bodies that are read straight from their bytes, by the one declaration that also describes them."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import JsonValue, TypeAdapter, ValidationError

from shared.http import field_errors
from shared.refusals import Invalid

Parsed = TypeVar("Parsed")
Tags = tuple[str, ...]
"""What tells the variants of a body apart: pydantic begins the path of a wrong field with it, and it is none."""


def unreadable(error: ValidationError, tags: Tags = ()) -> Invalid:
    """422 that names each wrong field by its path in the body."""
    errors = error.errors(include_url=False, include_input=False)
    for wrong in errors:
        if wrong["type"].startswith("union_tag"):
            wrong["loc"] = (str(wrong.get("ctx", {}).get("discriminator")).strip("'"),)
    return Invalid("validation", errors=field_errors(errors, drop=tags))


async def read(request: Request, adapter: TypeAdapter[Parsed], tags: Tags = ()) -> Parsed:
    """The body of a request, straight from its bytes. Raises Invalid."""
    try:
        return adapter.validate_json(await request.body())
    except ValidationError as error:
        raise unreadable(error, tags) from error


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
