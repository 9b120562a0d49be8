"""Tables as files: what is read back is what was given, and the same rows are the same bytes."""

import csv
import io
from collections.abc import AsyncGenerator, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from services.reporting.api import tables
from services.reporting.api.tables import Cell, file_response, parquet
from shared.csvtext import as_csv

COLUMNS: Mapping[str, type] = {"name": str, "days": int, "share": float}
cells = st.tuples(st.none() | st.text(max_size=5), st.integers(-9, 9**12), st.none() | st.floats(0, 1))


async def given_one_by_one(some: Sequence[Sequence[Cell]]) -> AsyncGenerator[Sequence[Cell], None]:
    for row in some:
        yield row


async def written(some: Sequence[Sequence[Cell]]) -> bytes:
    return b"".join([piece async for piece in parquet(COLUMNS, given_one_by_one(some))])


@settings(deadline=None)  # the first file loads the library
@given(some=st.lists(cells, max_size=9))
async def test_a_parquet_file_holds_the_rows_in_columns_of_their_kinds(some: list[tuple[Cell, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROWS_TOGETHER", 2)
        file = await written(some)
        assert file == await written(some)
    read = pq.ParquetFile(io.BytesIO(file)).read()  # pyright: ignore[reportUnknownMemberType] - its stubs leave it open
    assert str(read.schema) == "name: string\ndays: int64\nshare: double"
    assert [tuple(row.values()) for row in read.to_pylist()] == some


@pytest.mark.fault(37)
async def test_a_cell_that_a_spreadsheet_would_run_stays_a_text() -> None:
    answer = file_response("months", "csv", COLUMNS, given_one_by_one([("=1+1", 2, None)]))
    text = "".join([str(piece) async for piece in answer.body_iterator])
    assert list(csv.reader(io.StringIO(text))) == [["name", "days", "share"], ["'=1+1", "2", ""]]
    assert answer.headers["content-disposition"] == 'attachment; filename="months.csv"'
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.fault(37)
@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "@SUM(1)", "+1", "-1", "\t=1", "\r=1", "\n=1"])
def test_no_cell_begins_like_a_formula_in_any_table(text: str) -> None:
    (_, row) = csv.reader(io.StringIO(as_csv(["task", "nip"], [{"task": text, "nip": "198704122010121003"}])))
    assert row == ["'" + text, "198704122010121003"]
