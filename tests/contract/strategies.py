"""Hypothesis strategies for any event of the contract, read off its own fields."""

import datetime as dt
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Le
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from shared.events import Event

# NUL cannot be stored and surrogates cannot be written: neither can be in an event.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
# RFC 3339 offsets have whole minutes.
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
INSTANTS = st.datetimes(dt.datetime(1901, 1, 1), dt.datetime(2998, 12, 31), timezones=OFFSETS)  # noqa: DTZ001


def _bounds(constraints: list[Any], low: float, high: float) -> tuple[float, float]:
    for one in constraints:
        if isinstance(one, Ge):
            low = one.ge  # type: ignore[assignment]
        if isinstance(one, Le):
            high = one.le  # type: ignore[assignment]
    return low, high


def _flatten(metadata: tuple[Any, ...]) -> list[Any]:
    flat: list[Any] = []
    for one in metadata:
        flat += one.metadata if isinstance(one, FieldInfo) else [one]
    return flat


def _of(annotation: Any, constraints: list[Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of(arguments[0], [*constraints, *_flatten(annotation.__metadata__)])
    if origin in (Union, types.UnionType):
        return st.one_of(*(_of(one, constraints) for one in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(_of(arguments[0], []), max_size=4)
    if annotation is str:
        for one in constraints:
            pattern = getattr(one, "pattern", None)
            if pattern:
                return st.from_regex(pattern, fullmatch=True)
            if isinstance(one, StringConstraints) and one.min_length:
                return TEXT.filter(bool)
            if getattr(one, "min_length", None):
                return TEXT.filter(bool)
        return TEXT
    if annotation is int:
        low, high = _bounds(constraints, -(2**31), 2**31 - 1)
        return st.integers(int(low), int(high))
    if annotation is float:
        low, high = _bounds(constraints, -1e9, 1e9)
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    if annotation in (dt.datetime, AwareDatetime):
        return INSTANTS
    plain: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        UUID: st.uuids(),
        dt.date: st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)),
        type(None): st.none(),
    }
    if annotation in plain:
        return plain[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return of_model(annotation)
    raise NotImplementedError(f"no strategy for {annotation}")


def of_model(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Any valid instance of `model`, fields with defaults sometimes left out."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        strategy = _of(field.annotation, _flatten(tuple(field.metadata)))
        (required if field.is_required() else optional)[name] = strategy
    return st.fixed_dictionaries(required, optional=optional).map(model.model_validate)


def of_event(event: type[Event]) -> st.SearchStrategy[Event]:
    return of_model(event)
