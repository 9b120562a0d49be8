"""What scheduling publishes, as another system reads it from Kafka."""

import json
import time
from pathlib import Path
from typing import Any, cast

from aiokafka import AIOKafkaConsumer

from shared.events import EmployeeChanged, ScheduleChanged, decode
from tests.conftest import DatabaseFor
from tests.kit.scheduling import SMALL_CITY, STAGE_1, desk, employee_id, nip

TOPICS = ("directory.employee.v1", "directory.unit.v1", "calendar.changed.v1", "schedule.changed.v1")
PEOPLE = {employee_id(n) for n in range(sum(count for _, count in SMALL_CITY.values()))}


def of_ours(value: bytes | None) -> bool:
    """Whether a record is about nobody, or about one of PEOPLE."""
    try:
        written = json.loads(value or b"{}")
    except ValueError:
        return False
    about = cast("dict[str, Any]", written).get("employee_id") if isinstance(written, dict) else ""
    return about is None or about in {str(person) for person in PEOPLE}


async def read_all(kafka: str, plans: int) -> list[tuple[bytes, Any]]:
    """(key, decoded event) of the records of this test, until so many plans have come."""
    consumer = AIOKafkaConsumer(
        *TOPICS, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    found: list[tuple[bytes, Any]] = []
    deadline = time.monotonic() + 60
    try:
        while sum(isinstance(event, ScheduleChanged) for _, event in found) < plans:
            assert time.monotonic() < deadline, "the plans did not reach Kafka"
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    # Other tests share the broker, and some write what nobody can read.
                    if ("ce_source", b"/hadir/scheduling") not in record.headers or not of_ours(record.value):
                        continue
                    received = decode(record.topic, record.key, record.value, record.headers)
                    found.append((record.key or b"", received.event))
    finally:
        await consumer.stop()
    return found


async def test_events_are_valid_in_order_by_key_and_keys_tell_nothing(
    kafka: str, database_for: DatabaseFor, tmp_path: Path
) -> None:
    async with desk(await database_for("scheduling"), tmp_path, kafka) as running:
        await running.small_city()
        await running.call("POST", "/policies", json=STAGE_1)
        body = {"from": "2025-11-06", "to": "2025-11-07", "scope": {"all": True}, "publish": True}
        assert (await running.call("POST", "/rosters", json=body)).json()["changed"] == 30
        leave = f"nip,from,to,kind\n{nip(1)},2025-11-07,2025-11-07,sick\n"
        assert (await running.load("leave", leave)).status_code == 200
        # The leave has reached the plan already; publishing again changes nothing.
        assert (await running.call("POST", "/rosters", json=body)).json()["changed"] == 0
        events = await read_all(kafka, 31)

    revisions: dict[tuple[Any, Any], list[int]] = {}
    for key, event in events:
        assert not any(nip(n).encode() in key for n in range(15))
        if isinstance(event, ScheduleChanged):
            assert "sick" not in event.model_dump_json()
            revisions.setdefault((event.employee_id, event.work_date), []).append(event.revision)
        if isinstance(event, EmployeeChanged):
            assert event.key == key.decode()
    assert all(one == sorted(one) for one in revisions.values())
    assert sorted(len(one) for one in revisions.values()) == [1] * 29 + [2]
