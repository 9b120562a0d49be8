"""A trace, from the request that began it to what another service publishes because of it."""

import datetime as dt
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from services.notifications.app import create_app
from shared import trace
from shared.database import Database
from shared.events import Received, decode
from tests.conftest import DatabaseFor
from tests.kit.attendance import Rig, attendance, employee, plan, unit, wib
from tests.kit.kafka import eventually, message, produce, reading
from tests.kit.services import settings_for


async def published(kafka: str, topic: str, key: str, because_of: UUID | None = None) -> Received:
    """What is published of `key` on `topic`, once it is there; of a person's messages the one with that cause."""

    def wanted() -> list[Received]:
        events = [
            decode(one.topic, one.key, one.value, one.headers) for one in tail.records if one.key == key.encode()
        ]
        return [one for one in events if because_of in (None, getattr(one.event, "cause_event_id", None))]

    async with reading(kafka, topic) as tail:
        await tail.until(lambda: bool(wanted()))
    (event,) = wanted()
    return event


async def test_a_trace_goes_from_the_request_through_the_outbox_to_what_is_published_because_of_its_record(
    database_for: DatabaseFor, kafka: str, tmp_path: Path
) -> None:
    me, unit_id, opd = uuid4(), f"unit-{uuid4().hex[:8]}", f"OPD{uuid4().hex[:6].upper()}"
    hears = await database_for("notifications")
    async with attendance(await database_for("attendance"), tmp_path, kafka=kafka, at="2025-11-06T07:25") as rig:
        settings = settings_for("notifications", rig.signer, tmp_path, database_url=hears.url, kafka=kafka)
        app = create_app(settings, rig.clock)
        async with app.router.lifespan_context(app):
            await produce(
                kafka,
                [
                    message(employee(me, unit_id=unit_id, opd_code=opd)),
                    message(unit(unit_id, opd_code=opd)),
                    message(plan(me, unit_id=unit_id, opd_code=opd)),
                ],
            )
            checked_in, declared = trace.new(), trace.new()
            rig.headers = {"traceparent": checked_in}
            await eventually(lambda: recorded(rig, me))
            await eventually(lambda: heard_of(hears, me))
            rig.headers = {"traceparent": declared}
            outage = await declare(rig, opd)
            punch = await published(kafka, "attendance.recorded.v1", str(me))
            heard = await published(kafka, "outage.declared.v1", outage)
            told = await published(kafka, "notification.sent.v1", str(me), because_of=heard.id)
    assert trace.id_of(punch.traceparent) == trace.id_of(checked_in)
    assert trace.id_of(heard.traceparent) == trace.id_of(declared)
    assert trace.id_of(told.traceparent) == trace.id_of(declared), "the next service carries it on"
    assert len({declared, heard.traceparent, told.traceparent}) == 3, "each hop names a parent of its own"


async def recorded(rig: Rig, person: UUID) -> bool:
    """False as long as the directory has not come."""
    return (await rig.punch(person)).status_code == 201


async def heard_of(db: Database, person: UUID) -> bool:
    async with db.read() as tx:
        return await tx.connection.fetchval("select count(*) = 1 from plan where employee_id = $1", person)


async def declare(rig: Rig, opd: str) -> str:
    answer: httpx.Response = await rig.client.post(
        "/attendance/v1/outages",
        json={
            "scope": {"opd_codes": [opd]},
            "starts_at": wib("2025-11-06T07:10").isoformat(),
            "ends_at": (wib("2025-11-06T07:10") + dt.timedelta(minutes=10)).isoformat(),
            "reason": "jaringan kota putus",
        },
        headers=rig.token("bkpsdm", opd="BKPSDM"),
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["outage_id"]
