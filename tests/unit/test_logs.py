"""Logs stay readable while something is away: one line a minute of what is said again and again."""

import json
import logging
import sys
from typing import Any

import pytest

from shared.telemetry import JsonLines, Sparing


class Wall:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def line(logger: str, **extra: Any) -> logging.LogRecord:
    return logging.getLogger(logger).makeRecord(
        logger, logging.ERROR, "file", 1, "Unable connect to node %s", (1,), None, extra=extra
    )


@pytest.mark.parametrize("extra", [{}, {"fields": {"group": "g"}}])
def test_kafka_s_client_says_one_line_a_minute_and_how_many_were_held_back(extra: dict[str, Any]) -> None:
    wall = Wall()
    sparing, through = Sparing(clock=wall), list[logging.LogRecord]()
    for _ in range(600):
        for logger in ("aiokafka", "aiokafka.conn", "aiokafka.consumer.group_coordinator", "hadir.kafka"):
            record = line(logger, **extra)
            if sparing.filter(record):
                through.append(record)
        wall.now += 0.1
    assert len(through) == 1
    last = line("aiokafka.conn", **extra)
    wall.now += 0.1
    assert sparing.filter(last)
    assert vars(last)["fields"] == {**extra.get("fields", {}), "held_back": 4 * 600 - 1}


def test_voices_do_not_silence_each_other_and_what_is_no_voice_is_never_held_back() -> None:
    sparing = Sparing(clock=Wall())
    assert [sparing.filter(line("shared.outbox", sparing="relay")) for _ in range(3)] == [True, False, False]
    assert [sparing.filter(line("shared.consumer", sparing="reporting.facts")) for _ in range(2)] == [True, False]
    assert sparing.filter(line("aiokafka.conn"))
    assert all(sparing.filter(line("shared.dead_letters")) for _ in range(5))


def test_a_traceback_does_not_pass_for_the_trace_that_the_line_belongs_to() -> None:
    record = line("hadir")
    try:
        int("no")
    except ValueError:
        record.exc_info = sys.exc_info()
    written = json.loads(JsonLines().format(record))
    assert written["error"] == "ValueError"
    assert written["exception"].startswith("Traceback")
    assert "trace" not in written
