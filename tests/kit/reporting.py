"""A small city for the tests of the reporting service, and the service itself on real servers."""

import asyncio
import contextlib
import datetime as dt
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from fastapi import FastAPI

from services.reporting.app import create_app
from services.reporting.commands import facts
from services.reporting.facts import PROJECTION
from services.reporting.handlers import GROUP
from shared.auth import Role
from shared.clock import FixedClock
from shared.database import Database
from shared.dates import WIB
from shared.events import (
    AttendanceRecorded,
    EmployeeChanged,
    Event,
    Received,
    Requirement,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from tests.kit.kafka import pass_over
from tests.kit.services import Signer, settings_for

DAY = dt.date(2025, 11, 6)  # a Thursday
OPD, OTHER_OPD = "3275.DUKCAPIL", "3275.DINKES"
COUNTER, OTHER_COUNTER = "DUKCAPIL-L1", "DINKES-L1"


def at(clock: str, date: dt.date = DAY) -> dt.datetime:
    """A local time of the day as an instant."""
    return dt.datetime.combine(date, dt.time.fromisoformat(clock), WIB).astimezone(dt.UTC)


@dataclass(frozen=True)
class Staff:
    """The people of the small city."""

    head: UUID
    supervisor: UUID
    acting: UUID
    clerk: UUID
    late: UUID
    elsewhere: UUID
    """Works in the other OPD."""

    @classmethod
    def new(cls) -> "Staff":
        return cls(*(uuid4() for _ in range(6)))


def received(event: Event) -> Received:
    return Received(event, uuid4(), event.topic, "/hadir/test", dt.datetime.now(dt.UTC), event.key, None)


def employee(employee_id: UUID, opd: str, unit: str, **more: Any) -> EmployeeChanged:
    return EmployeeChanged(
        employee_id=employee_id,
        revision=1,
        nip="198704122010121003",
        name=f"Pegawai {str(employee_id)[:4]}",
        opd_code=opd,
        unit_id=unit,
        employment="PNS",
        **more,
    )


def unit(unit_id: str, opd: str, name: str, opd_name: str, min_staff: int) -> UnitChanged:
    opening = Requirement(
        effective_from=dt.date(2025, 1, 1),
        weekdays=[0, 1, 2, 3, 4],
        opens="08:00",
        closes="15:00",
        min_staff=min_staff,
    )
    return UnitChanged(
        unit_id=unit_id,
        revision=1,
        opd_code=opd,
        opd_name=opd_name,
        name=name,
        is_service_point=True,
        requirements=[opening],
    )


def plan(employee_id: UUID, opd: str, unit_id: str, mode: str = "WFO", date: dt.date = DAY) -> ScheduleChanged:
    hours = mode in ("WFO", "WFH")
    return ScheduleChanged(
        employee_id=employee_id,
        opd_code=opd,
        unit_id=unit_id,
        work_date=date,
        revision=1,
        mode=mode,  # pyright: ignore[reportArgumentType] - a literal at every call
        starts_at=at("07:30", date) if hours else None,
        ends_at=at("16:00", date) if hours else None,
        policy_version="p1",
    )


def check_in(employee_id: UUID, clock: str, opd: str = OPD, unit_id: str = COUNTER) -> AttendanceRecorded:
    return AttendanceRecorded(
        punch_id=uuid4(),
        employee_id=employee_id,
        opd_code=opd,
        unit_id=unit_id,
        work_date=DAY,
        kind="in",
        at=at(clock),
        received_at=at(clock),
        zone="office",
        source="app",
    )


def city(staff: Staff) -> list[Event]:
    """Two OPD with a counter each: one has both its clerks, one on time and one late; the other nobody yet."""
    under = {"supervisor_id": staff.supervisor, "acting_supervisor_id": staff.acting}
    return [
        RulesChanged(
            rules_version="r1",
            effective_from=dt.date(2025, 1, 1),
            tolerance_minutes=0,
            report_modes=["WFO", "WFH"],
            report_cutoff="17:00",
            review_sla_working_days=3,
        ),
        unit(COUNTER, OPD, "Loket KTP-el", "Dinas Kependudukan dan Pencatatan Sipil", 2),
        unit(OTHER_COUNTER, OTHER_OPD, "Loket Pendaftaran", "Dinas Kesehatan", 1),
        employee(staff.head, OPD, "DUKCAPIL", heads=[OPD]),
        employee(staff.supervisor, OPD, "DUKCAPIL", supervisor_id=staff.head),
        employee(staff.acting, OPD, "DUKCAPIL", supervisor_id=staff.head),
        employee(staff.clerk, OPD, COUNTER, **under),
        employee(staff.late, OPD, COUNTER, **under),
        employee(staff.elsewhere, OTHER_OPD, OTHER_COUNTER),
        plan(staff.head, OPD, "DUKCAPIL", "DUTY_TRAVEL"),
        plan(staff.supervisor, OPD, "DUKCAPIL", "WFH"),
        plan(staff.acting, OPD, "DUKCAPIL", "LEAVE"),
        plan(staff.clerk, OPD, COUNTER),
        plan(staff.late, OPD, COUNTER),
        plan(staff.elsewhere, OTHER_OPD, OTHER_COUNTER),
        check_in(staff.clerk, "07:25"),
        check_in(staff.late, "07:41"),
    ]


ITEMS = [
    {"item_id": "a", "task": "Cetak KTP-el", "quantity": 30, "unit": "keping", "norm_minutes": 5},
    {"item_id": "b", "task": "Legalisasi", "quantity": 4.5, "unit": "berkas"},
]


async def put(client: httpx.AsyncClient, items: Any = ITEMS, date: Any = DAY) -> httpx.Response:
    """Hand in the report of a day."""
    return await client.put(f"/reporting/v1/me/reports/{date}", json={"items": items})


@dataclass
class Running:
    """The service, listening on a port of its own."""

    app: FastAPI
    url: str
    db: Database
    clock: FixedClock
    signer: Signer
    server: uvicorn.Server

    def caller(self, role: Role, subject: UUID | None = None, opd: str | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=self.signer.headers(role, subject, opd), timeout=30)

    async def fold(self, *events: Event) -> None:
        """Facts as they come from Kafka, without the way there."""
        async with self.db.transaction() as tx:
            await facts.apply(tx, [received(event) for event in events])


@asynccontextmanager
async def running(
    kafka: str, db: Database, state: Path, now: dt.datetime, port: int = 0, **settings: Any
) -> AsyncGenerator[Running]:
    """The service of a city that knows nothing yet: what other tests have told Kafka is not read."""
    await pass_over(kafka, GROUP, PROJECTION.topics)
    signer, clock = Signer(), FixedClock(now)
    told = settings_for("reporting", signer, state, database_url=db.url, kafka=kafka, **settings)
    app = create_app(told, clock)
    listener = socket.create_server(("127.0.0.1", port))
    # asyncio's own loop does so only for sockets that name their protocol; uvloop, which is what runs, for all.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=5)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if serving.done():
                await serving
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Running(app, url, db, clock, signer, server)
    finally:
        app.state.service.stopping.set()
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        listener.close()
