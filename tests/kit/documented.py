"""Answers that the service's own OpenAPI document does not name, in whatever test they are given."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from email.message import Message
from functools import lru_cache
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send


@contextmanager
def as_documented(app: FastAPI) -> Generator[ASGIApp]:
    """The application, watched: fails in the end where a door gave a status or content type of its own making."""
    strays = dict[str, None]()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                stray = undocumented(app, scope, message)
                if stray:
                    strays[stray] = None
            await send(message)

        await app(scope, receive, told)

    yield watched
    assert not strays, f"answers that the document does not name: {', '.join(strays)}"


def undocumented(app: FastAPI, scope: Scope, start: Mapping[str, Any]) -> str | None:
    """What is wrong with the start of an answer; None where it is as documented, or of a door without a word."""
    route = scope.get("route")
    if not isinstance(route, APIRoute) or not route.include_in_schema:
        return None
    method = "get" if scope["method"] == "HEAD" else scope["method"].lower()
    document = document_of(app)
    operation = document["paths"][route.path_format].get(method)
    if operation is None:  # of another method than the door has: 405 belongs to the address
        return None
    door, status = f"{method.upper()} {route.path_format}", str(start["status"])
    answer = operation["responses"].get(status)
    if answer is None:
        return f"{door}: {status}"
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    given = dict(start["headers"]).get(b"content-type")
    named: Mapping[str, Any] = answer.get("content", {})
    if given is None or not named or plain(given.decode()) in map(plain, named):
        return None
    return f"{door}: {status} as {given.decode()}"


_documents = dict[tuple[object, ...], dict[str, Any]]()


@lru_cache(maxsize=8)
def document_of(app: FastAPI) -> dict[str, Any]:
    """The application's document, made once for all that have the same doors: each test makes an application anew,
    and a document takes a quarter of a second."""
    routes = (route for route in app.routes if isinstance(route, APIRoute))
    doors = (
        app.title,
        *((route.path_format, *sorted(route.methods or ()), route.endpoint.__qualname__) for route in routes),
    )
    if doors not in _documents:
        _documents[doors] = app.openapi()
    return _documents[doors]


def plain(media_type: str) -> str:
    """A media type without its parameters."""
    message = Message()
    message["content-type"] = media_type
    return message.get_content_type()
