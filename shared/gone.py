"""Whether records were deleted from a topic before a group had read them.

Every topic keeps its records for ever (`shared/events/base.py`), so somebody set its retention.
The client then reads on at what is left, without a word. Going on is right: what is left is true in any order. But
the facts lack what is gone, so it is counted and said.
"""

import asyncio
import logging
from typing import Any

from aiokafka import TopicPartition

from shared.batch import Batch
from shared.telemetry import Metrics

log = logging.getLogger(__name__)


class Gone:
    """Looks at each batch of one group, before anything of it is acknowledged."""

    def __init__(self, group: str, metrics: Metrics) -> None:
        self._group = group
        self._metrics = metrics
        self._next: dict[TopicPartition, int] = {}
        """The offset that follows what was read of a partition."""

    async def look(self, client: Any, batch: Batch) -> None:
        """Count what lies between a batch and what the group has read before. Never raises."""
        for partition, reads in batch.reads.items():
            first, last = reads[0][1].offset, reads[-1][1].offset
            if first > self._next.get(partition, 0):
                await self._compare(client, partition, first)
            self._next[partition] = last + 1

    async def _compare(self, client: Any, partition: TopicPartition, first: int) -> None:
        """Offsets may be missing for other reasons too: marks of transactions, or what another member has read.
        What lies before the beginning of the log is gone."""
        try:
            async with asyncio.timeout(5):
                committed = await client.committed(partition) or 0
                begins = (await client.beginning_offsets([partition]))[partition]
        except Exception as error:
            log.debug("no beginning of a log", extra={"fields": {"group": self._group, "failure": str(error)}})
            return
        read_to = max(committed, self._next.get(partition, 0))
        gone = min(first, begins) - read_to
        if gone > 0:
            self._metrics.records_gone.labels(self._group, partition.topic).inc(gone)
            log.error(
                "records were deleted before they were read: bring the log back, then rebuild",
                extra={
                    "fields": {
                        "group": self._group,
                        "topic": partition.topic,
                        "partition": partition.partition,
                        "from_offset": read_to,
                        "records": gone,
                    }
                },
            )
