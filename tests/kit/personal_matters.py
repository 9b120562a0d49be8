"""What people ask of their superiors on a day, officers do besides, and what of it is nobody's else to read."""

import asyncio
import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from demo.city import City, Employee, build
from demo.client import Client, Who
from demo.script import officers
from demo.setup import agree
from shared.auth import load_private_key

ILL = "Demam berdarah, dirawat di ruang Melati sampai hari Minggu"
GET_WELL = "Lekas sembuh, kabari saya hasil laboratoriumnya"
FORGOT = "Lupa menekan tombol, mengantar anak ke dokter gigi"
BELIEVED = "Saya melihatnya datang bersama putrinya"
WRITTEN = {ILL, GET_WELL, FORGOT, BELIEVED}
"""What staff and their superiors write to each other; no topic carries it, for whomever."""

MOST_OPDS = 4
"""Of each arm of the pilot."""


def decided(http: str, key: Path, city: City, day: dt.date) -> None:
    """What officers do on a first day: staff may ask for sick leave, a pilot is registered, an event is disowned
    by two of them."""
    asyncio.run(_decided(http, key, city, day))


async def _decided(http: str, key: Path, city: City, day: dt.date) -> None:
    officer, second = (Who("bkpsdm", one) for one in officers(city)[:2])
    async with Client(http, load_private_key(key)) as client:
        rule = {"employment": ["PNS", "PPPK"], "reason": "Cuti dan izin diminta lewat aplikasi"}
        await client.call(officer, "PUT", "/scheduling/v1/request-kinds/sick", json=rule)
        await client.call(officer, "POST", "/reporting/v1/pilots", json=_protocol(city, day))
        disowned = {"ce_id": str(uuid4()), "topic": "attendance.recorded.v1", "reason": "mistaken"}
        proposed = await client.call(officer, "POST", "/scheduling/v1/disowned", json=disowned, accept=(202,))
        await agree(client, second, proposed.body["proposal_id"])


def asked(http: str, key: Path, one: Employee, day: dt.date) -> None:
    """A sick leave and a forgotten punch, granted by the superior; officers have to have `decided` before."""
    asyncio.run(_asked(http, key, one, day))


async def _asked(http: str, key: Path, one: Employee, day: dt.date) -> None:
    me, superior = Who("staff", one.employee_id), Who("staff", one.supervisor)
    async with Client(http, load_private_key(key)) as client:
        leave = {"kind": "leave", "leave": "sick", "reason": ILL}
        span = {"from": (day + dt.timedelta(1)).isoformat(), "to": (day + dt.timedelta(3)).isoformat()}
        punch = {"kind": "in", "at": f"{day}T08:00:00+07:00", "zone": "office"}
        missed = {"kind": "missed_punch", "work_date": str(day), "punches": [punch], "reason": FORGOT}
        for service, body, answer in (
            ("scheduling", leave | span, GET_WELL),
            ("attendance", missed, BELIEVED),
        ):
            request_id = str(uuid4())
            doors = f"/{service}/v1/requests"
            await client.call(me, "POST", doors, json={"request_id": request_id, **body})
            decision = {"decision": "granted", "reason": answer}
            await client.call(superior, "POST", f"{doors}/{request_id}/decision", json=decision)


def who_may_ask(city: City, days: Iterable[dt.date]) -> list[Employee]:
    """People who have a superior, neither a counter nor turns at which they would be missed, and no absence that
    begins on one of the days the city plays: it would overlap with what they ask for."""
    played = [build(len(city.employees), today=day) for day in days]
    away = {absence.employee_id for one in played for absence in (*one.leave, *one.duty_travel)}
    return [
        one
        for one in city.employees.values()
        if one.supervisor
        and one.employee_id not in away
        and not one.heads
        and not one.shift_group
        and not city.units[one.unit_id].is_service_point
    ]


def _protocol(city: City, day: dt.date) -> dict[str, object]:
    opds = sorted(city.opds)
    return {
        "pilot_id": "kamis-dari-rumah",
        "title": "Kamis dari rumah",
        "question": "Apakah loket tetap terlayani?",
        "metric": "coverage_attainment",
        "better": "higher",
        "margin": 0.02,
        "count_by": "opd",
        "treated": opds[:MOST_OPDS],
        "control": opds[MOST_OPDS : 2 * MOST_OPDS],
        "baseline": {"from": str(day - dt.timedelta(30)), "to": str(day)},
        "trial": {"from": str(day + dt.timedelta(7)), "to": str(day + dt.timedelta(60))},
        "available_minutes": 300,
        "seed": 7,
    }
