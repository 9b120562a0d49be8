"""How far behind a partition is, in seconds: by the oldest record that was read, else since it was first seen."""

from aiokafka import TopicPartition

from shared.lag import Lag
from shared.telemetry import Metrics

PARTITION = TopicPartition("a.v1", 3)
LABELS = {"group": "g", "topic": "a.v1", "partition": "3"}


class Told:
    def __init__(self) -> None:
        self.metrics, self.now_s = Metrics("reporting"), 1000.0
        self.lag = Lag(self.metrics, "g", lambda: self.now_s)

    def tell(self, at_s: float, records: int, read_from: float | None = None, held: int = 0) -> float | None:
        self.now_s = at_s
        self.lag.tell(PARTITION, records=records, held=held, read_from=read_from)
        return self.of("hadir_consumer_lag_seconds")

    def of(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, LABELS)


def test_a_partition_is_as_late_as_its_oldest_record_in_hand_and_not_at_all_when_all_is_committed() -> None:
    told = Told()
    assert told.tell(1000, 0) == 0
    assert told.tell(1005, 7, read_from=990) == 15
    assert told.tell(1010, 3, read_from=1008) == 2
    assert told.tell(1015, 0) == 0
    assert told.of("hadir_consumer_lag_records") == 0


def test_a_partition_of_which_nothing_is_read_is_late_since_that_was_first_seen() -> None:
    """After a night without records, the first of the morning is not a night late."""
    told = Told()
    told.tell(1000, 0)
    assert told.tell(40_000, 1) == 0
    assert told.tell(40_005, 2, held=4) == 5
    assert told.of("hadir_consumer_held_records") == 4
    assert told.tell(40_010, 2, read_from=39_999) == 11
    assert told.tell(40_015, 2) == 16, "it went back: the oldest is still the one that was read"


def test_a_clock_that_is_behind_the_brokers_gives_no_negative_age() -> None:
    assert Told().tell(1000, 1, read_from=1003) == 0


def test_of_a_partition_that_was_given_up_nothing_is_told_any_more() -> None:
    told = Told()
    told.tell(1000, 5)
    assert told.lag.told == {PARTITION}
    told.lag.forget(PARTITION)
    told.lag.forget(PARTITION)
    assert told.of("hadir_consumer_lag_seconds") is None
    assert told.lag.told == frozenset()
