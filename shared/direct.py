"""A door that a whole city knocks at, reached before the framework's routing.

What FastAPI does for a door (matching of paths, dependencies, exit stacks, models of the answer) is worth its
price but for one: at 07:30 it would be an eighth of all that a check-in costs. Such a door is one function with
two ways to it; it asks for everything itself, and the layers around the routes (Gate, problems, metrics, trace)
are the same. FastAPI keeps the door too: it describes it, and answers whatever is not the plain case.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

Door = Callable[[Request], Awaitable[Response]]


class Direct(BaseRoute):
    """POST to exactly `path`, with no query: a query is for FastAPI to judge (shared/query.py)."""

    def __init__(self, path: str, door: Door) -> None:
        self.path = path
        """As the metrics name it."""
        self._door = door

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        plain = (
            scope["type"] == "http"
            and scope["path"] == self.path
            and scope["method"] == "POST"
            and not scope["query_string"]
        )
        return (Match.FULL, {"route": self}) if plain else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._door(Request(scope, receive, send))
        await answer(scope, receive, send)
