"""How a table is declared: its name, and the column types that Python's own do not say."""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel


class Table(SQLModel):
    """A table is named after its class: FactPlan is `fact_plan`.

    A service derives a base with a registry of its own, `class Stored(Table, registry=registry())`: four services
    share a process, and have tables of the same name.
    """

    @declared_attr.directive
    def __tablename__(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - SQLAlchemy's way
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def column(kind: Any = None, *, key: bool = False, of: str | Callable[[Any], object] | None = None) -> Any:
    """A column of type `kind`, else of what SQLModel takes for the annotation; `X | None` may be null.

    of: in a fact, what of its event the column holds (see shared.facts.Fact).
    """
    typed = {} if kind is None else {"sa_type": kind}
    return Field(primary_key=key, sa_column_kwargs={"autoincrement": False, "info": {"of": of}}, **typed)
