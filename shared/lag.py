"""How far behind each partition of a consumer is: in records, and in seconds."""

import time
from collections.abc import Callable

from aiokafka import TopicPartition

from shared.telemetry import Metrics


class Lag:
    """What is told of the partitions of one consumer.

    In seconds: the age of the oldest record that is not committed. It is known once that record was read; until
    then, and where nothing is read on, it counts from when it was first seen that there is one.
    """

    def __init__(self, metrics: Metrics, group: str, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._group = group
        self._clock = clock
        self._since: dict[TopicPartition, float | None] = {}
        """Since when each partition that was told of is behind, in Unix seconds; None: it is not."""

    @property
    def told(self) -> frozenset[TopicPartition]:
        return frozenset(self._since)

    def tell(self, partition: TopicPartition, *, records: int, held: int, read_from: float | None) -> None:
        """So many records may be read and are not committed, and so many nobody may read yet. `read_from`: when
        the oldest of those that were read was written (Unix seconds)."""
        since, now = self._since.get(partition), self._clock()
        if records == 0:
            since = None
        elif read_from is not None:
            since = read_from
        elif since is None:
            since = now
        self._since[partition] = since
        labels = self._labels(partition)
        self._metrics.consumer_lag.labels(*labels).set(records)
        self._metrics.consumer_lag_seconds.labels(*labels).set(0.0 if since is None else max(0.0, now - since))
        self._metrics.held_records.labels(*labels).set(held)

    def forget(self, partition: TopicPartition) -> None:
        """Another member tells of it now."""
        if partition in self._since:
            del self._since[partition]
            for gauge in (
                self._metrics.consumer_lag,
                self._metrics.consumer_lag_seconds,
                self._metrics.held_records,
            ):
                gauge.remove(*self._labels(partition))

    def _labels(self, partition: TopicPartition) -> tuple[str, str, str]:
        return self._group, partition.topic, str(partition.partition)
