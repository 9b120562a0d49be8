"""What a service says of its doors: FastAPI's document, with the problems that ours answer with."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from shared.auth import COOKIE
from shared.http import PROBLEM_JSON, ProblemBody

_SCHEMAS = "#/components/schemas/"
_ASKED = "/v1/"
"""Doors with this in their address ask who is there; schemas are for everyone."""
ALWAYS = (413, 422, 429, 500, 503)
"""Any door may refuse too large a body or a query that nothing reads, be asked too often, fail, or miss its
database."""


def operation_id(route: APIRoute) -> str:
    """The name of an operation for programs made from the document: by its address, not its function."""
    method = min(route.methods or {"GET"}).lower()
    return f"{method}{route.path_format.replace('/', '_')}".replace("{", "").replace("}", "")


class Documented(FastAPI):
    """An application whose document says how its doors refuse, in place of what FastAPI alone would answer."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            _complete(super().openapi())
        return self.openapi_schema or {}


def _refusals(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    """The statuses of the problems that a door may answer with, by what it takes."""
    statuses = [*ALWAYS]
    if _ASKED in path:
        statuses += [401, 403]
    if "{" in path or "/me/" in path or "requestBody" in operation or "parameters" in operation:
        statuses.append(404)  # it names something, or is about the caller: there may be no such thing
    if method != "get":
        statuses.append(409)
    return statuses


def _complete(document: dict[str, Any]) -> None:
    """Say each door's problems, and who may knock, in `document`; take out FastAPI's own 422."""
    components: dict[str, Any] = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _, problem = models_json_schema([(ProblemBody, "serialization")], ref_template=_SCHEMAS + "{model}")
    schemas |= problem["$defs"]
    content = {PROBLEM_JSON: {"schema": {"$ref": f"{_SCHEMAS}{ProblemBody.__name__}"}}}
    used = set[int]()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            statuses = _refusals(path, method, operation)
            used |= set(statuses)
            for status in statuses:
                operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
            if _ASKED in path and "security" not in operation:
                operation["security"] = [{"bearer": []}, {"session": []}] if method == "get" else [{"bearer": []}]
    components["responses"] = {
        str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(used)
    }
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
