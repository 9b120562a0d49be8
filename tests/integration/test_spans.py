"""One trace, as a collector sees it: from a check-in over HTTP to the board and to a letter."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from unittest.mock import Mock
from uuid import uuid4

import pytest
from fastapi import FastAPI

from services.notifications import app as notifications
from services.notifications.app import create_app as notifications_app
from services.notifications.commands import telling
from services.notifications.domain.delivery import Going
from services.reporting.app import create_app as reporting_app
from shared import spans, trace
from shared.clock import Clock
from shared.database import Database
from shared.events.base import ServiceName
from shared.settings import Settings
from tests.conftest import DatabaseFor
from tests.kit.attendance import AT_SEA, attendance, employee, plan, unit
from tests.kit.collector import Collector, collecting
from tests.kit.delivering import FakeChannel
from tests.kit.kafka import eventually, message, produce
from tests.kit.services import settings_for
from tests.unit.test_trace import received

WAY = [
    ("attendance", "POST /attendance/v1/punches"),
    ("attendance", "outbox attendance.recorded.v1"),
    ("attendance", "send attendance.recorded.v1"),
    ("reporting", "process attendance.recorded.v1"),
    ("reporting", "compute person_day"),
    ("reporting", "push board"),
    ("reporting", "outbox compliance.changed.v1"),
    ("reporting", "send compliance.changed.v1"),
    ("notifications", "process compliance.changed.v1"),
    ("notifications", "inbox duty.not_met"),
    ("notifications", "outbox notification.sent.v1"),
    ("notifications", "deliver email"),
    ("notifications", "send notification.sent.v1"),
]
"""What somebody sees who follows a check-in far from the office: who it is of hears that the place is not met."""


async def test_a_check_in_is_one_trace_from_the_request_to_the_board_and_to_a_message_that_leaves_the_house(
    database_for: DatabaseFor, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = FakeChannel()
    monkeypatch.setattr(notifications, "channels_of", Mock(return_value={"email": channel}))
    letters = [Going("duty.not_met", "email", "email", False, 0)]
    monkeypatch.setattr(telling, "going", Mock(return_value=letters))
    me, unit_id, opd = uuid4(), f"unit-{uuid4().hex[:8]}", f"OPD{uuid4().hex[:6].upper()}"
    sees, hears = await database_for("reporting"), await database_for("notifications")
    with collecting() as collector:
        async with (
            attendance(
                await database_for("attendance"), tmp_path, kafka=kafka, otlp_endpoint=collector.url
            ) as rig,
            AsyncExitStack() as stack,
        ):
            composed: list[tuple[ServiceName, Callable[[Settings, Clock], FastAPI], Database]] = [
                ("reporting", reporting_app, sees),
                ("notifications", notifications_app, hears),
            ]
            apps = {
                service: create(
                    settings_for(
                        service,
                        rig.signer,
                        tmp_path,
                        database_url=db.url,
                        kafka=kafka,
                        otlp_endpoint=collector.url,
                        token_private_key_file=rig.signer.private_file(tmp_path),
                    ),
                    rig.clock,
                )
                for service, create, db in composed
            }
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            person = employee(me, unit_id=unit_id, opd_code=opd, email="budi@example.org")
            known = [
                person,
                unit(unit_id, opd_code=opd, is_service_point=False),
                plan(me, unit_id=unit_id, opd_code=opd),
            ]
            await produce(kafka, [message(one) for one in known])

            async def all_know() -> bool:
                for db, query in (
                    (rig.db, "select count(*) from plan_fact where employee_id = $1"),
                    (sees, "select count(*) from published_day where employee_id = $1"),
                    (hears, "select count(*) from recipient where employee_id = $1"),
                ):
                    async with db.read() as tx:
                        if await tx.connection.fetchval(query, me) == 0:
                            return False
                return True

            await eventually(all_know)
            live = apps["reporting"].state.live
            with live.subscription():  # somebody looks at the board
                began = rig.headers["traceparent"] = trace.new()
                assert (await rig.punch(me, position=AT_SEA)).status_code == 201
                await eventually(lambda: set(WAY) <= seen(collector, began))
    way = [span for span in collector.of(str(trace.id_of(began))) if (span.service, span.name) in WAY]
    known_spans = {span.span_id for span in way} | {str(trace.span_of(began))}
    assert {span.parent for span in way} <= known_spans, "each hangs on one that is there, the first on the caller"
    assert all(span.took_ns >= 0 for span in way)
    assert spans.of("reporting") is None, "a service that has stopped hands over nothing more"


def seen(collector: Collector, began: str) -> set[tuple[str, str]]:
    return {(span.service, span.name) for span in collector.of(str(trace.id_of(began)))}


def test_a_batch_of_many_has_a_span_of_its_own_that_is_linked_with_the_trace_of_each_record() -> None:
    traces = [trace.new(), trace.new()]
    unsampled = trace.new()[:-2] + "00"
    batch = [received(one) for one in (*traces, unsampled, None)]
    with collecting() as collector:
        exporter = spans.begin("reporting", collector.url)
        assert exporter is not None
        with trace.handling(batch):
            own = trace.current()
            exporter.handled("reporting.facts", batch, spans.since_ns(0.5))
        exporter.close(10)
    of_batch, *of_records = sorted(collector.spans, key=lambda span: span.name)
    ids = {str(trace.id_of(one)) for one in traces}
    assert (of_batch.name, of_batch.trace_id) == ("batch reporting.facts", trace.id_of(own))
    assert of_batch.links == ids | {str(trace.id_of(unsampled))}
    assert {span.trace_id for span in of_records} == ids, "who began a trace says whether it is kept"
    assert all(span.links == {of_batch.trace_id} for span in of_records)
    assert of_batch.took_ns >= 500_000_000


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    exporter = spans.begin("scheduling", "http://127.0.0.1:9")
    assert exporter is not None
    exporter.child("work", trace.new(), began_ns=spans.since_ns(0))
    exporter.close(0.5)
    assert spans.of("scheduling") is None
