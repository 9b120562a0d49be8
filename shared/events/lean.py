"""Reading a record that is, byte for byte, what our own services write: most of the log.

The contract is said once, in `shared.events.base`, and pydantic reads by it. From the same declarations a struct
is worked out here that msgspec reads in a third of the time. It takes a value only if writing it again gives the
same bytes, so it knows no other spelling of a value, no other order, no unknown field and no name that stands
twice. Nothing is ever refused here: what it does not take is read by pydantic, whose word is final.
"""

import datetime as dt
import types
import typing
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec
from annotated_types import MaxLen

from shared.events.base import FIRST_DATE, LAST_DATE, Event, LeanInstant, Read

_UUID_BYTES = 36
_TIME_BYTES = len("2025-11-06T07:30:00.000000+00:00")
_encode = msgspec.json.Encoder().encode


class Lean(msgspec.Struct):
    """The fields of one event as its record has them: of the same names and values as those of the event."""


Envelope = tuple[UUID, dt.datetime, Lean]
"""The id, the time and the fields of an event."""

Reader = Callable[[bytes, bytes, bytes, bytes], Envelope | None]
"""Called with a record's key, its ce_id, its ce_time and its value; None where pydantic has to read it."""


def reader_of(event: type[Event]) -> Reader | None:
    """The reader of an event's records; None for an event that only pydantic reads: one with parts, with a name
    of its own for a field, with a rule that is not about the whole event, or with another key than a UUID."""
    fields = {
        name: None if field.alias else _lean(field.annotation, field.metadata)
        for name, field in event.model_fields.items()
    }
    decorators = event.__pydantic_decorators__
    rules = [rule for rule in decorators.model_validators.values() if rule.info.mode == "after"]
    others = (decorators.field_validators, decorators.root_validators, decorators.validators)
    if None in fields.values() or any(others) or len(rules) != len(decorators.model_validators):
        return None
    if fields[event.key_field] is not UUID:
        return None
    struct = cast("type[Lean]", msgspec.defstruct(event.__name__, list(fields.items()), bases=(Lean,), gc=False))
    times = [name for name, kind in fields.items() if _is_time(kind)]
    return _reader(struct, attrgetter(f"{event.key_field}.int"), times, [rule.func for rule in rules])


def _reader(
    struct: type[Lean], key_of: Callable[[Lean], int], times: Sequence[str], rules: Sequence[Callable[[Any], Any]]
) -> Reader:
    decode = msgspec.json.Decoder(tuple[UUID, UUID, LeanInstant, struct]).decode  # pyright: ignore[reportInvalidTypeForm]
    # Twice the first, so that there are always two: attrgetter of one name gives no tuple.
    times_of = attrgetter(*times, *times[:1]) if times else None
    first, last = FIRST_DATE.year, LAST_DATE.year

    def read(key: bytes, id: bytes, time: bytes, value: bytes) -> Envelope | None:
        # Of these lengths nothing but the value can run over into what stands beside it.
        if len(key) != _UUID_BYTES or len(id) != _UUID_BYTES or len(time) > _TIME_BYTES or b"\\" in value:
            return None
        text = b'["%b","%b","%b",%b]' % (key, id, time.replace(b"+00:00", b"Z"), value)
        try:
            found = decode(text)
            if _encode(found) != text:
                return None
            of, id_, at, lean = found
            if key_of(lean) != of.int or not first < at.year < last:
                return None
            # The outermost years are left to pydantic: an instant lies in them by its offset or in UTC.
            if times_of is not None:
                for when in times_of(lean):
                    if when is not None and not first < when.year < last:
                        return None
            for rule in rules:
                rule(lean)
        except ValueError:  # msgspec's own errors, those of UTF-8 and those of a rule
            return None
        return id_, at, lean

    return read


def _is_time(kind: Any) -> bool:
    return any(one in (dt.date, LeanInstant) for one in (kind, *typing.get_args(kind)))


def _lean(kind: Any, metadata: Sequence[Any] = ()) -> Any:
    """The type by which a field of this type is read; None if it cannot be."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        kind, *metadata = parts
        return _lean(kind, metadata)
    found: Any = None
    match metadata:
        case [Read(lean=lean)]:
            found = lean
        case [MaxLen(max_length=most)] if origin is list and (items := _lean(kind)):
            found = Annotated[items, msgspec.Meta(max_length=most)]
        case [] if origin is Literal:
            found = kind
        case [] if origin is list and (item := _lean(*parts)):
            found = list[item]
        case [] if origin in (typing.Union, types.UnionType):
            some = [_lean(one) for one in parts if one is not type(None)]
            found = some[0] | None if len(some) == 1 and some[0] is not None else None
        case _:
            pass
    return found
