"""What the address of a request may say: nothing that nobody reads, and times as the contract writes them."""

import datetime as dt
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import BeforeValidator

from shared.events.base import InstantUTC
from shared.refusals import FieldError, Invalid

AHEAD = dt.timedelta(seconds=60)
"""How far `as_of` may lie before us: two clocks are never quite the same."""


_ELSEWHERE = (params.Path, params.Header, params.Cookie)


def _known(route: APIRoute) -> tuple[str, ...]:
    """The query parameters of a door, those of its dependencies included."""
    fields = get_flat_params(route.dependant)
    return tuple(sorted({field.alias for field in fields if not isinstance(field.field_info, _ELSEWHERE)}))


async def any_query() -> None:
    """FastAPI dependency of a door that others send browsers to: what nothing reads is theirs to add."""


async def only_known(request: Request) -> None:
    """FastAPI dependency of every door: 422 that names each query parameter which nothing reads, or given twice.

    A misspelt `as_of` that is passed over in silence is answered with the figures of another moment.
    """
    query: bytes = request.scope["query_string"]
    route: Any = request.scope.get("route")
    if not query or not isinstance(route, APIRoute):
        return
    if any(one.call is any_query for one in route.dependant.dependencies):
        return
    known, seen, errors = _known(route), set[str](), list[FieldError]()
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            listed = ", ".join(known) or "-"
            errors.append(FieldError(name[:100], "query.unknown", {"known": listed}))
        elif name in seen:
            errors.append(FieldError(name, "query.twice"))
        seen.add(name)
    if errors:
        raise Invalid("validation", errors=errors[:20])


ONLY_KNOWN = Depends(only_known)


def _plus(value: Any) -> Any:
    """An unescaped `+07:00` arrives as ` 07:00`: what is meant is plain."""
    if not isinstance(value, str):
        return value
    head, space, offset = value.rpartition(" ")
    return f"{head}+{offset}" if space and "T" in head.upper() else value


InstantParam = Annotated[InstantUTC, BeforeValidator(_plus)]
"""An instant in a query: RFC 3339 date-time with its offset, the years 1900 to 2999; in UTC."""


def not_ahead(as_of: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """`as_of`, at most `now`; `now` where it is left out. Raises Invalid for one further ahead than clocks differ.

    Minutes that have not happened are neither spent nor met: no view may count them.
    """
    if as_of is None:
        return now
    if as_of > now + AHEAD:
        raise Invalid("validation", errors=[FieldError("as_of", "as_of.future")])
    return min(as_of, now)
