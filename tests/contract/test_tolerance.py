"""What a consumer must bear from producers that it does not know, and what it must not take in."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.events import TOPICS, InvalidEvent, Received, decode, source_of

NOW = datetime(2025, 11, 6, tzinfo=UTC)


def read(topic: str, value: dict[str, object]) -> Received:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid4()).encode()),
        ("ce_type", topic.encode()),
        ("ce_source", source_of(TOPICS[topic].owner).encode()),
        ("ce_time", NOW.isoformat().encode()),
    ]
    return decode(topic, str(value[TOPICS[topic].key]).encode(), json.dumps(value).encode(), headers)


def rules(**changes: object) -> dict[str, object]:
    return {
        "rules_version": "2025-11",
        "effective_from": "2025-11-01",
        "tolerance_minutes": 0,
        "report_modes": ["WFO"],
        "report_cutoff": "17:00",
        "review_sla_working_days": 3,
        **changes,
    }


def unit(**changes: object) -> dict[str, object]:
    requirement = {
        "effective_from": "2025-01-01",
        "weekdays": [0],
        "opens": "08:00",
        "closes": "24:00",
        "min_staff": 2,
        "on_holidays": False,
    }
    return {
        "unit_id": "U1",
        "revision": 1,
        "opd_code": "A",
        "opd_name": "A",
        "name": "Loket",
        "is_service_point": True,
        "places": [],
        "requirements": [{**requirement, **changes}],
        "slo": 0.95,
    }


def test_a_number_where_text_is_wanted_is_read_as_text() -> None:
    event = read("rules.changed.v1", rules(rules_version=7)).event
    assert event is not None
    assert event.key == "7"


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("rules.changed.v1", rules(rules_version="x" * 101)),  # no index could hold a version of any length
        ("directory.unit.v1", unit(min_staff=2_147_483_647)),  # staff x microseconds must fit into 64 bits
        ("directory.unit.v1", unit() | {"slo": 1e308}),
    ],
)
def test_what_the_database_could_not_hold_is_refused_at_reading(topic: str, value: dict[str, object]) -> None:
    with pytest.raises(InvalidEvent, match="schema"):
        read(topic, value)
