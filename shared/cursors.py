"""Lists come in pages, with a cursor: opaque text for the place after the last item, read back only exactly as we
write it."""

import base64
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel, Field

from shared import base64url
from shared.refusals import FieldError, Invalid

LONGEST = 1024
"""Characters of the longest cursor that is looked at; ours are far shorter."""

_GREATEST = 2**63 - 1
_LONGEST_TEXT = 300


Part = UUID | dt.datetime | dt.date | int | str
Item = TypeVar("Item")

Limit = Annotated[int, Field(ge=1, le=1000)]
"""How many items a caller wants on a page."""


class Page(BaseModel, Generic[Item]):
    """The shape of every list: `next` is the cursor of the items after these, null at the end."""

    items: Sequence[Item]
    next: str | None = None


def encode_cursor(*position: Part) -> str:
    """An opaque cursor for the place after `position` (the sort key of the last item)."""
    parts = [part if isinstance(part, int | str) else _text(part) for part in position]
    return base64url.written(json.dumps(parts, separators=(",", ":")).encode())


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """The parts of a cursor, one of each of `kinds` (UUID, date, datetime, int, str), in order.

    Raises Invalid for any text that `encode_cursor` would not have written for them.
    """
    try:
        position = _position(cursor)
        if len(position) == len(kinds):
            parts = tuple(_READERS[kind](part) for kind, part in zip(kinds, position, strict=True))
            # One spelling for each place: what reads the same in another spelling did not come from here.
            if encode_cursor(*parts) == cursor.rstrip("="):
                return parts
    except (ValueError, RecursionError):
        pass
    raise Invalid("cursor.invalid", errors=[FieldError("cursor", "cursor.invalid")])


def read_id_cursor(cursor: str | None) -> UUID:
    """The id after which the next page begins; below every id for the first page. 422 for a forged cursor."""
    if not cursor:
        return UUID(int=0)
    (after,) = read_cursor(cursor, UUID)
    return after


def cut(items: Sequence[Item], limit: int, key: Callable[[Item], Sequence[Part]]) -> Page[Item]:
    """A page of at most `limit` items of which `limit + 1` were asked for, so that the last page knows that it is.

    `key` gives the sort key of an item: where there are more, the cursor of those after the last one.
    """
    return Page(items=items[:limit], next=encode_cursor(*key(items[limit - 1])) if len(items) > limit else None)


def _position(cursor: str) -> list[object]:
    if len(cursor) > LONGEST or not cursor.isascii():
        raise ValueError("no cursor is as long")
    text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    position: Any = json.loads(text)
    if not isinstance(position, list):
        raise ValueError("a cursor is a list of parts")  # noqa: TRY004 - one answer for every forged cursor
    return cast("list[object]", position)


def _text(part: UUID | dt.datetime | dt.date) -> str:
    if isinstance(part, dt.datetime):
        return part.astimezone(dt.UTC).isoformat()
    return str(part)


def _string(part: Any) -> str:
    if not isinstance(part, str) or len(part) > _LONGEST_TEXT or "\x00" in part:
        raise ValueError("not a text that can be a key")
    part.encode()  # a lone surrogate is no text; UnicodeEncodeError is a ValueError
    return part


def _integer(part: Any) -> int:
    if type(part) is not int or not 0 <= part <= _GREATEST:
        raise ValueError("not a number that can be a key")
    return part


def _instant(part: Any) -> dt.datetime:
    instant = dt.datetime.fromisoformat(_string(part))
    if instant.tzinfo is None or not 1900 <= instant.year <= 2999:
        raise ValueError("not an instant")
    return instant


def _date(part: Any) -> dt.date:
    date = dt.date.fromisoformat(_string(part))
    if not 1900 <= date.year <= 2999:
        raise ValueError("not a date of ours")
    return date


def _uuid(part: Any) -> UUID:
    return UUID(_string(part))


_READERS: Mapping[type, Any] = {
    UUID: _uuid,
    dt.datetime: _instant,
    dt.date: _date,
    int: _integer,
    str: _string,
}
