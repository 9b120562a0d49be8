"""A running attendance service, with a directory and plans to judge by."""

import datetime as dt
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from services.attendance.app import create_app
from services.attendance.commands import facts
from shared.auth import Role
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.database import Database
from shared.events import EmployeeChanged, Event, Place, Received, ScheduleChanged, UnitChanged
from shared.service import Service
from tests.kit.services import NOBODY, OFFICERS, Signer, in_process, settings_for

OFFICE = Place(lat=-6.2383, lon=106.9756, radius_m=100)
HOME = Place(lat=-6.3000, lon=107.0000, radius_m=60)
AT_OFFICE = {"lat": -6.2383, "lon": 106.9756, "accuracy_m": 8.0}
AT_HOME = {"lat": -6.3000, "lon": 107.0000, "accuracy_m": 8.0}
AT_SEA = {"lat": -5.9000, "lon": 106.9000, "accuracy_m": 8.0}
DAY = dt.date(2025, 11, 6)


def wib(text: str) -> dt.datetime:
    """`2025-11-06T07:30` on Bekasi's clocks."""
    return dt.datetime.fromisoformat(text + "+07:00")


def received(event: Event | None, *, id: UUID | None = None, key: str = "") -> Received:
    return Received(
        event,
        id or uuid4(),
        event.topic if event else "directory.employee.v1",
        "/hadir/scheduling",
        dt.datetime.now(dt.UTC),
        event.key if event else key,
        None,
    )


def employee(employee_id: UUID, **changes: Any) -> EmployeeChanged:
    return EmployeeChanged.model_validate(
        {
            "employee_id": employee_id,
            "revision": 1,
            "nip": "198704122010121003",
            "name": "Budi",
            "opd_code": "DISDUKCAPIL",
            "unit_id": "disdukcapil.loket",
            "employment": "PNS",
            "remote_places": [HOME.model_dump()],
            **changes,
        }
    )


def unit(unit_id: str = "disdukcapil.loket", **changes: Any) -> UnitChanged:
    return UnitChanged.model_validate(
        {
            "unit_id": unit_id,
            "revision": 1,
            "opd_code": "DISDUKCAPIL",
            "opd_name": "Dinas Kependudukan dan Pencatatan Sipil",
            "name": "Loket",
            "is_service_point": True,
            "places": [OFFICE.model_dump()],
            **changes,
        }
    )


def plan(employee_id: UUID, work_date: dt.date = DAY, **changes: Any) -> ScheduleChanged:
    return ScheduleChanged.model_validate(
        {
            "employee_id": employee_id,
            "opd_code": "DISDUKCAPIL",
            "unit_id": "disdukcapil.loket",
            "work_date": work_date,
            "revision": 1,
            "mode": "WFO",
            "starts_at": dt.datetime.combine(work_date, dt.time(0, 30), dt.UTC),
            "ends_at": dt.datetime.combine(work_date, dt.time(9, 0), dt.UTC),
            **changes,
        }
    )


@dataclass
class Rig:
    app: FastAPI
    client: httpx.AsyncClient
    clock: FixedClock
    signer: Signer
    db: Database
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def service(self) -> Service:
        return self.app.state.service

    def token(self, role: Role, subject: UUID | None = None, opd: str | None = None) -> dict[str, str]:
        """Without a subject, one officer of that role: every change is in a person's name."""
        return {**self.signer.headers(role, subject or OFFICERS[role], opd), **self.headers}

    async def know(self, *events: Event | None, key: str = "") -> None:
        """As if these events had come over the bus."""
        context = HandlerContext(self.service.settings, self.db, self.clock, self.service.metrics)
        await facts.take_in([received(event, key=key) for event in events], context)

    async def staff(self, **changes: Any) -> UUID:
        """A new employee with a plan for DAY; their unit is known."""
        employee_id = uuid4()
        await self.know(employee(employee_id, **changes), unit(), plan(employee_id))
        return employee_id

    async def punch(self, who: UUID, **body: Any) -> httpx.Response:
        given = {"punch_id": str(uuid4()), "kind": "in", "device_at": None, "position": None, **body}
        return await self.client.post("/attendance/v1/punches", json=given, headers=self.token("staff", who))

    async def outbox(self) -> list[tuple[str, dict[str, Any]]]:
        """(topic, value) of what has been promised, oldest first, whether or not it has left."""
        async with self.db.read() as tx:
            rows = await tx.connection.fetch("select topic, value from outbox order by id")
        return [(row["topic"], json.loads(row["value"])) for row in rows]

    async def count(self, table: str) -> int:
        async with self.db.read() as tx:
            return await tx.connection.fetchval(f"select count(*) from {table}")  # noqa: S608


@asynccontextmanager
async def attendance(
    db: Database, folder: Path, *, kafka: str = NOBODY, at: str = "2025-11-06T07:25", **changes: Any
) -> AsyncGenerator[Rig]:
    """The service, without Kafka unless an address is given: what it promises then stays in the outbox."""
    signer, clock = Signer(), FixedClock(wib(at))
    settings = settings_for(
        "attendance",
        signer,
        folder,
        database_url=db.url,
        kafka=kafka,
        receipt_key_file=signer.private_file(folder),
        **changes,
    )
    app = create_app(settings, clock)
    async with in_process(app) as client:
        yield Rig(app, client, clock, signer, db)
