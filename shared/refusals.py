"""How a command or a rule says no: a kind, a code of messages.toml, and the fields that are wrong.

Nothing here knows HTTP; shared/http.py gives each kind its status, in one place.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar, cast

from pydantic_core import PydanticCustomError

from shared.messages import text

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: where it is, as a path such as `items.0.quantity`, and the message that says the mend.

    `where` adds machine-readable places, such as {"row": 3, "column": "nip"} for a CSV.
    """

    field: str
    code: str
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    where: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])


def wrong(code: str, **params: str | int | float) -> PydanticCustomError:
    """What a validator of a body raises: the field is wrong, and the message `code` says the mend.

    Where no door is near (a file, an event) it reads in English.
    """
    return PydanticCustomError(
        cast("LiteralString", code), cast("LiteralString", text(code, "en", **params)), params
    )


class Refused(Exception):
    """A no. `code` is a code of messages.toml; `extra` adds members to what the caller is told.

    `retry_after_s`: seconds after which the same may pass, where time alone mends it.
    """

    def __init__(
        self,
        code: str,
        *,
        params: Mapping[str, Any] | None = None,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.params = params or {}
        self.errors = errors
        self.extra = extra or {}
        self.retry_after_s = retry_after_s


class Forbidden(Refused):
    """Not theirs to do."""


class Missing(Refused):
    """Not there, or not theirs to know of."""


class Conflict(Refused):
    """Against the state of things: another try may pass when that has changed."""


class Invalid(Refused):
    """The input itself is wrong."""


def or_missing(thing: Thing | None, code: str = "not_found") -> Thing:
    """`thing`, where there is one. Raises Missing."""
    if thing is None:
        raise Missing(code)
    return thing
