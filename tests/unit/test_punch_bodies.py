"""What a phone says of a punch: evidence that says nothing is a flag, and costs nobody their check-in."""

import datetime as dt
import json
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.attendance.api.punches import BATCH, PUNCH
from services.attendance.commands.punches import Intake

NOW = dt.datetime(2025, 11, 6, 0, 30, tzinfo=dt.UTC)
DEVICE = {"device_id": "phone", "boot_id": "b1", "elapsed_ms": 5, "sequence": 1}


def intake(**body: Any) -> Intake:
    given = {"punch_id": str(uuid4()), "kind": "in", **body}
    return PUNCH.validate_json(json.dumps(given)).intake(uuid4(), NOW)


def test_a_plain_check_in_is_taken_as_it_is() -> None:
    position = {"lat": -6.2383, "lon": 106.9756, "accuracy_m": 8.0}
    taken = intake(device_at="2025-11-06T07:30:00+07:00", position=position, device=DEVICE)
    assert (taken.source, taken.unusable, taken.device_at) == ("app", (), NOW)
    assert taken.position is not None
    assert (taken.position.lat, taken.position.accuracy_m) == (-6.2383, 8.0)
    assert taken.device is not None
    assert (taken.device.boot_id, taken.device.sequence) == ("b1", 1)


@pytest.mark.parametrize(
    ("field", "value", "flag"),
    [
        ("position", {"lat": 0, "lon": 0, "accuracy_m": 8}, "bad_position"),
        ("position", {"lat": -6.2, "lon": 106.9, "accuracy_m": 0}, "bad_position"),
        ("position", {"lat": 91, "lon": 106.9, "accuracy_m": 5}, "bad_position"),
        ("position", "here", "bad_position"),
        ("device_at", 1762389000, "bad_device_at"),
        ("device_at", "half past seven", "bad_device_at"),
        ("device", {**DEVICE, "elapsed_ms": -1}, "bad_device"),
        ("device", {"device_id": "phone"}, "bad_device"),
        ("signals", {"mock": "perhaps"}, "bad_signals"),
        ("signals", [], "bad_signals"),
    ],
)
def test_evidence_that_says_nothing_is_a_flag_and_no_refusal(field: str, value: Any, flag: str) -> None:
    taken = intake(**{field: value})
    assert taken.unusable == (flag,)
    assert (taken.position, taken.device_at, taken.device) == (None, None, None)


@pytest.mark.parametrize(
    "body",
    [{"kind": "up"}, {"punch_id": "1"}, {"other": 1}, {"kind": None}],
    ids=["kind", "id", "unknown", "none"],
)
def test_what_makes_it_no_punch_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        intake(**body)


def test_a_batch_is_read_item_by_item_and_its_device_like_a_punch() -> None:
    batch = BATCH.validate_json(json.dumps({"punches": [1, {}, "x"], "device": DEVICE}))
    assert batch.punches == [1, {}, "x"]
    with pytest.raises(ValidationError):
        BATCH.validate_json(json.dumps({"punches": [{}] * 501}))
