"""SQL of records that are compared, written and read whole: each is a row whose columns are its fields."""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from services.scheduling.domain.records import AS_STORED
from shared.database import Tx

RecordT = TypeVar("RecordT")
_PART = 2_000
"""Records written with one statement: few enough that turning them into JSON holds nobody up."""


class Records(Generic[RecordT]):
    """The records of one dataclass in one table. `key`: the fields that make two records the same thing."""

    def __init__(self, record: type[RecordT], table: str, *, key: tuple[str, ...]) -> None:
        names = [field.name for field in fields(record)]  # pyright: ignore[reportArgumentType] - a dataclass
        rest = [name for name in names if name not in key]
        columns = ", ".join(names)
        self.fields = tuple(names)
        self.key_of = attrgetter(*key)
        """The key of a record: one value, or a tuple of them."""
        self.adapter: TypeAdapter[list[RecordT]] = TypeAdapter(list[record])  # pyright: ignore[reportInvalidTypeForm]
        self._all = f"select coalesce(json_agg(stored), '[]')::text from (select {columns} from {table}) stored"  # noqa: S608 - from constants
        self._upsert = f"""
            insert into {table} ({columns})
            select {columns} from jsonb_populate_recordset(null::{table}, $1::jsonb)
            on conflict ({", ".join(key)}) do update
            set ({", ".join(rest)}) = row ({", ".join(f"excluded.{name}" for name in rest)})
        """  # noqa: S608

    def by_key(self, records: Iterable[RecordT]) -> dict[object, RecordT]:
        return {self.key_of(record): record for record in records}

    async def stored(self, tx: Tx) -> dict[object, RecordT]:
        """All that is stored, by key."""
        text: str = await tx.connection.fetchval(self._all)
        return await asyncio.to_thread(lambda: self.by_key(self.adapter.validate_json(text)))

    async def save(self, tx: Tx, records: Sequence[RecordT]) -> None:
        """Write `records` over what is stored under their keys."""
        # One file may bring a person before their superior.
        await tx.connection.execute("set constraints all deferred")
        waiting = iter(records)
        while part := list(itertools.islice(waiting, _PART)):
            body = self.adapter.dump_json(part, context=AS_STORED).decode()
            await tx.connection.execute(self._upsert, body)
