"""What the doors of this service share."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Response
from pydantic import BaseModel, ConfigDict

from shared.csvtext import as_csv
from shared.personal import Reason
from shared.service import Service, service_of

Running = Annotated[Service, Depends(service_of)]


class Body(BaseModel):
    """What is sent to a door: nothing that nobody reads."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class OverrideIn(Body):
    """The officer answers by name for a counter below its minimum."""

    reason: Reason


class CsvResponse(Response):
    media_type = "text/csv; charset=utf-8"


OR_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
"""For the documents of a door that answers with CSV where it is asked to."""


def or_waits(answer: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """For the documents of a door whose change may wait, whole or in part, for a second officer."""
    return {202: {"model": answer, "description": "It waits for a second officer"}}


def csv_response(columns: Sequence[str], rows: Sequence[BaseModel]) -> CsvResponse:
    """The fields `columns` of each row as CSV."""
    return CsvResponse(as_csv(columns, [row.model_dump() for row in rows]))
