"""Tables as files, CSV or Parquet: sent as they are made, and the same bytes for the same rows."""

import io
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from typing import IO, Any, Literal, cast

from fastapi.responses import StreamingResponse

from shared.csvtext import csv_chunks

FileFormat = Literal["csv", "parquet"]
MEDIA_TYPES: Mapping[FileFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            media_type.split(";", maxsplit=1)[0]: {"schema": {"type": "string", "format": "binary"}}
            for media_type in MEDIA_TYPES.values()
        }
    }
}
"""For the documents of a door that answers with a file."""
ROWS_TOGETHER = 8192
"""Rows of a group of a Parquet file, and of one step of making it."""

Cell = str | int | float | None
Rows = AsyncIterable[Sequence[Cell]]


def file_response(name: str, form: FileFormat, columns: Mapping[str, type], rows: Rows) -> StreamingResponse:
    """The file `name.csv` or `name.parquet`. Values are in the order of `columns`, each str, int or float."""
    pieces = csv_chunks(list(columns), rows) if form == "csv" else parquet(columns, rows)
    return StreamingResponse(
        pieces,
        media_type=MEDIA_TYPES[form],
        headers={"content-disposition": f'attachment; filename="{name}.{form}"', "cache-control": "no-store"},
    )


class _Onward(io.RawIOBase):
    """A file that forgets what has been taken from it, and not how far it is."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._taken = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def tell(self) -> int:
        return self._taken + len(self._held)

    def taken(self) -> bytes:
        """What was written since it was asked for last."""
        piece = bytes(self._held)
        self._taken += len(piece)
        self._held.clear()
        return piece

    def close(self) -> None:
        """What is held is still to be taken."""


async def parquet(columns: Mapping[str, type], rows: Rows) -> AsyncGenerator[bytes, None]:
    """A Parquet file, group of rows by group. Columns are of the types told, whatever stands in them."""
    # Loaded here: with what it sets aside it takes 150 MB, of a service that perhaps nobody asks for a file.
    import pyarrow as pa
    from pyarrow import parquet as pq

    # No durations: in Parquet they are numbers, and their unit is not told (findings/pandas-duration-unit.sh).
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    sink = _Onward()
    with pq.ParquetWriter(cast("IO[bytes]", sink), schema, compression="zstd") as writer:
        some: list[Sequence[Cell]] = []

        def write() -> None:
            by_column = {name: [row[place] for row in some] for place, name in enumerate(columns)}
            writer.write_table(pa.Table.from_pydict(by_column, schema=schema))
            some.clear()

        async for row in rows:
            some.append(row)
            if len(some) == ROWS_TOGETHER:
                write()
                yield sink.taken()
        write()
    yield sink.taken()
