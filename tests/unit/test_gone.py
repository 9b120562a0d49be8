"""Records that were deleted before a group had read them are counted, and keep nobody waiting."""

from typing import Any

import pytest

from shared.batch import Batch, Skipped
from shared.gone import Gone
from shared.telemetry import Metrics
from tests.kit.member import (
    FIRST,
    GROUP,
    TOPIC,
    record,
)


class Log:
    """How far a group has read, and where a log begins; the methods of the client that are used."""

    def __init__(self, committed: int | None, begins: int) -> None:
        self._committed, self._begins = committed, begins

    async def committed(self, _: Any) -> int | None:
        return self._committed

    async def beginning_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, self._begins)


@pytest.mark.parametrize(
    ("committed", "begins", "first", "gone"),
    [
        (None, 0, 0, None),
        (40, 0, 40, None),
        (40, 40, 43, None),  # marks of transactions lie between
        (40, 55, 55, 15),
        (None, 55, 57, 55),
        (60, 55, 60, None),
    ],
)
async def test_what_lies_before_the_beginning_of_a_log_and_was_not_read_is_counted_as_gone(
    committed: int | None, begins: int, first: int, gone: int | None
) -> None:
    metrics = Metrics("attendance")
    looking = Gone(GROUP, metrics)
    for offset in (first, first + 1, first + 9):
        await looking.look(Log(committed, begins), Batch({FIRST: [(Skipped("a"), record(offset))]}, 0.0))
    labels = {"group": GROUP, "topic": TOPIC}
    assert metrics.registry.get_sample_value("hadir_consumer_records_gone_total", labels) == gone


async def test_a_broker_that_does_not_say_where_a_log_begins_keeps_no_batch_waiting() -> None:
    metrics = Metrics("attendance")
    await Gone(GROUP, metrics).look(None, Batch({FIRST: [(Skipped("a"), record(7))]}, 0.0))
    assert (
        metrics.registry.get_sample_value("hadir_consumer_records_gone_total", {"group": GROUP, "topic": TOPIC})
        is None
    )
