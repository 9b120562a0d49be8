"""A scheduling service in the test's own process, and a small city for it."""

import datetime as dt
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from services.scheduling.app import create_app
from shared.auth import Role
from shared.clock import FixedClock
from shared.database import Database
from shared.dates import WIB
from tests.kit.services import NOBODY, OFFICERS, Signer, in_process, settings_for

EVENING = dt.datetime(2025, 11, 5, 20, 0, tzinfo=WIB)

OPDS = """opd_code,name,short_name,kind,direct_service
1.01,Dinas Pendidikan,Disdik,dinas,partial
4.01,Kecamatan Jatiasih,Jatiasih,kecamatan,full
"""
UNITS = """unit_id,opd_code,name,is_service_point,direct_service,places,slo
DISDIK-A,1.01,Sekretariat,false,false,-6.2381 106.9945 100,
DISDIK-B,1.01,Loket Ijazah,true,false,-6.2381 106.9945 100;-6.2402 106.9921 80,0.99
JATI-1,4.01,Loket Jatiasih,true,true,-6.2900 106.9700 100,0.995
"""
REQUIREMENTS = """unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays
DISDIK-B,2025-01-01,0;1;2;3;4,08:00,15:00,3,false
JATI-1,2025-01-01,0;1;2;3;4,08:00,15:00,2,false
"""
HOLIDAYS = """date,kind,name
2025-12-25,national,Natal
2025-12-26,collective_leave,Natal
"""
STAGE_1 = {
    "policy_id": "jabar-stage-1",
    "effective_from": "2025-11-06",
    "effective_to": "2025-11-30",
    "scope": {"all": True},
    "kind": "weekday",
    "parameters": {"weekdays": [3]},
    "limits": {"never_direct_service": True, "keep_min_staff": True},
}


def nip(number: int) -> str:
    """A well-formed PNS number for person `number`."""
    return f"19870412201012{1 + number % 2}{1 + number % 999:03d}"


def employee_id(number: int) -> UUID:
    return UUID(int=0x1000 + number)


def employees(units: Mapping[str, tuple[str, int]]) -> str:
    """A file of people: unit -> (OPD, how many); the first of each unit heads it and supervises the others."""
    lines = ["employee_id,nip,name,opd_code,unit_id,supervisor_nip,employment,echelon,heads,timetable"]
    number = 0
    for unit, (opd, count) in units.items():
        boss = number
        for index in range(count):
            first = index == 0
            lines.append(
                f"{employee_id(number)},{nip(number)},Pegawai {number},{opd},{unit},"
                f"{'' if first else nip(boss)},PNS,{'IV' if first else ''},{unit if first else ''},five_day"
            )
            number += 1
    return "\n".join(lines) + "\n"


TWO_WEEKS = {"from": "2025-11-10", "to": "2025-11-23", "scope": {"all": True}, "publish": True}
"""Asks for the published plans of everybody."""
SMALL_CITY = {"DISDIK-A": ("1.01", 6), "DISDIK-B": ("1.01", 5), "JATI-1": ("4.01", 4)}


@dataclass
class Desk:
    """A running service and callers with tokens."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: FixedClock
    db: Database
    signer: Signer

    def at(self, moment: str) -> None:
        """Set the clock to a local time, such as `2025-11-05 05:00`."""
        self.clock.set(dt.datetime.fromisoformat(moment).replace(tzinfo=WIB))

    def token(self, role: Role, subject: UUID | None = None, opd: str | None = None) -> dict[str, str]:
        """Without a subject, one officer of that role: every change is in a person's name."""
        return self.signer.headers(role, subject or OFFICERS[role], opd)

    def office(self, role: Role = "bkpsdm") -> dict[str, str]:
        """A token that names a role and nobody: it reads, and changes nothing."""
        return self.signer.headers(role)

    async def call(
        self, method: str, path: str, *, role: Role = "bkpsdm", subject: UUID | None = None, **how: Any
    ) -> httpx.Response:
        """One request under `/scheduling/v1`."""
        headers = self.token(role, subject, how.pop("opd", None)) | how.pop("headers", {})
        return await self.client.request(method, f"/scheduling/v1{path}", headers=headers, **how)

    async def load(self, kind: str, text: str | bytes, **params: Any) -> httpx.Response:
        return await self.call("POST", f"/imports/{kind}", content=text, params=params)

    async def small_city(self) -> None:
        """Two OPD, three units, fifteen people."""
        for kind, text in (
            ("opds", OPDS),
            ("units", UNITS),
            ("requirements", REQUIREMENTS),
            ("employees", employees(SMALL_CITY)),
            ("holidays", HOLIDAYS),
        ):
            answer = await self.load(kind, text)
            assert answer.status_code == 200, answer.text

    async def planned_city(self) -> None:
        """The small city, with published plans of 10 to 23 November."""
        await self.small_city()
        assert (await self.call("POST", "/rosters", json=TWO_WEEKS)).status_code == 201

    async def outbox(self, topic: str | None = None) -> list[tuple[str, str, Any]]:
        """(topic, key, value) of what waits to be published, in order."""
        async with self.db.read() as tx:
            rows = await tx.connection.fetch(
                "select topic, key, value from outbox where $1::text is null or topic = $1 order by id", topic
            )
        return [(row[0], row[1].decode(), row[2] and json.loads(row[2])) for row in rows]

    async def clear_outbox(self) -> None:
        async with self.db.transaction() as tx:
            await tx.connection.execute("delete from outbox")


@asynccontextmanager
async def desk(database: Database, folder: Path, bootstrap: str = NOBODY) -> AsyncGenerator[Desk]:
    """The service on `database`. Without a broker its events stay in the outbox, where a test can count them."""
    signer, clock = Signer(), FixedClock(EVENING)
    settings = settings_for(
        "scheduling", signer, folder, database_url=database.url, kafka=bootstrap, database_pool_size=5
    )
    app = create_app(settings, clock)
    async with in_process(app) as client:
        yield Desk(app, client, clock, database, signer)
