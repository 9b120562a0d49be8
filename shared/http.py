"""HTTP as all services speak it: problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Self

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared import trace
from shared.messages import Language, catalogue, language_of, places, text, title
from shared.refusals import Conflict, FieldError, Forbidden, Invalid, Missing, Refused

log = logging.getLogger(__name__)


class Problem(HTTPException):
    """What HTTP itself refuses, as problem+json; commands and rules raise a Refused (shared/refusals.py).

    `code` is a code of messages.toml, and ends the type URN; `extra` adds members to the body, as RFC 9457
    section 3.2 allows.
    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        params: Mapping[str, Any] | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, code, headers)
        self.code = code
        self.params = params or {}
        self.errors = errors
        self.extra = extra or {}


def internal() -> Problem:
    """A fault of ours: the number in it is that of the log's lines."""
    return Problem(500, "internal", params={"trace": trace.id_of(trace.current())})


STATUS: Mapping[type[Refused], int] = {Forbidden: 403, Missing: 404, Conflict: 409, Invalid: 422}
"""The one place where a refusal becomes a status."""


def as_problem(refused: Refused) -> Problem:
    """What a caller over HTTP is told of a refusal."""
    return Problem(
        STATUS[type(refused)],
        refused.code,
        params=refused.params,
        errors=refused.errors,
        headers=None if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)},
        extra=refused.extra,
    )


UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What the caller holds already (If-None-Match)"}
}
"""For the document of a door that says so in place of the whole answer."""

PROBLEM_JSON = "application/problem+json"


class WrongField(BaseModel):
    """One wrong field, and what to do about it; other members say where else it is, such as a row of a file."""

    model_config = ConfigDict(extra="allow")

    field: str
    message: str


class ProblemBody(BaseModel):
    """A problem (RFC 9457), in the reader's language; other members belong to its type."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:hadir:problem:not_found"])
    title: str
    status: int
    detail: str
    errors: Sequence[WrongField] = Field(default=(), exclude_if=lambda errors: not errors)


def problem_body(problem: Problem, language: Language) -> ProblemBody:
    """The members of RFC 9457, for an answer of its own or as one result of many."""
    return ProblemBody(
        type=f"urn:hadir:problem:{problem.code}",
        title=title(problem.code, language),
        status=problem.status_code,
        detail=text(problem.code, language, **problem.params),
        errors=[
            WrongField(field=wrong.field, message=text(wrong.code, language, **wrong.params), **wrong.where)
            for wrong in problem.errors
        ],
        **problem.extra,
    )


class RefusedItem(BaseModel):
    """What one of many asked for at once got: the status that it would have got alone, and the problem."""

    status: int
    problem: ProblemBody

    @classmethod
    def of(cls, error: Exception, language: Language) -> Self:
        """What is no refusal is a fault of ours."""
        if isinstance(error, Refused):
            error = as_problem(error)
        problem = error if isinstance(error, Problem) else internal()
        return cls(status=problem.status_code, problem=problem_body(problem, language))


def problem_response(request: Request, problem: Problem) -> Response:
    language = language_of(request.headers.get("accept-language"))
    return Response(
        problem_body(problem, language).model_dump_json(),
        problem.status_code,
        headers=dict(problem.headers or {}),
        media_type=PROBLEM_JSON,
    )


def field_errors(errors: Sequence[Any], *, drop: tuple[str, ...] = ("body", "query", "path")) -> list[FieldError]:
    """pydantic's errors as FieldErrors. The value given is never repeated: it may be personal data."""
    found: list[FieldError] = []
    for error in errors:
        path = [str(part) for part in error["loc"]]
        if path and path[0] in drop:
            path = path[1:]
        code, params = _message_of(error)
        found.append(FieldError(".".join(path) or "body", code, params))
    return found


def _message_of(error: Any) -> tuple[str, Mapping[str, Any]]:
    """(message code, parameters): of a rule of ours its own, of pydantic what we say of its kind, if anything."""
    params = error.get("ctx", {})
    for code in (error["type"], f"validation.{error['type']}"):
        if code in catalogue() and places(code) <= params.keys():
            return code, params
    return "validation.field", {"reason": error["msg"]}


def unreadable(errors: Sequence[Any]) -> Invalid:
    """pydantic's errors as a refusal that names each wrong field."""
    return Invalid("validation", errors=field_errors(errors))


def _methods(request: Request) -> set[str]:
    """What the path of a request may be asked for: RFC 9110 has every 405 say it. The Gate gives HEAD with GET."""
    methods = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
    found = {
        method
        for method in methods
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    }
    return found | {"HEAD"} if "GET" in found else found


def install(app: FastAPI) -> None:
    """Give `app` the answers that every service has where a door refuses or fails."""

    async def on_http(request: Request, error: Exception) -> Response:
        if isinstance(error, Problem):
            return problem_response(request, error)
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 405:
            allowed = {"Allow": ", ".join(sorted(_methods(request)))}
            return problem_response(request, Problem(405, "method_not_allowed", headers=allowed))
        if status == 404:
            return problem_response(request, Problem(404, "not_found"))
        # A body that is not text, nested too deeply, or no form: the framework's 400 says neither where nor what.
        return problem_response(
            request, as_problem(Invalid("validation", errors=[FieldError("body", "body.unreadable")]))
        )

    async def on_refused(request: Request, error: Exception) -> Response:
        if isinstance(error, Refused):
            return problem_response(request, as_problem(error))
        raise error

    async def on_validation(request: Request, error: Exception) -> Response:
        if isinstance(error, RequestValidationError):
            return problem_response(request, as_problem(unreadable(error.errors())))
        raise error

    async def on_crash(request: Request, error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        return problem_response(request, internal())

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(Exception, on_crash)
