"""Who may do what: every door of the four services, by every role, about their own people and about others.

The doors come of the services' own OpenAPI documents. One without a row in ROWS fails, and so does a row without a
door. A row says what each role is answered with, where the person, unit, OPD, report, roster or whatever else the
address, the query and the body name is

- theirs: the supervisor's own subordinate, who is the member of staff's colleague and in the OPD admin's OPD;
- beside: of the same OPD, but of another unit with another head;
- foreign: of another OPD.

Besides, no answer to whoever does not see the whole city names anybody of another OPD, and none to those who see
no people names anybody.
"""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from shared.access import ROLES, Role
from shared.clock import FixedClock
from shared.database import Database
from shared.dates import WIB
from shared.events import (
    AttendanceRecorded,
    EmployeeChanged,
    Event,
    Requirement,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from tests.kit.doors import City, Door, Template, all_services
from tests.kit.pictures import photo
from tests.kit.scheduling import HOLIDAYS, OPDS, REQUIREMENTS, STAGE_1, UNITS, employee_id, employees, nip
from tests.kit.who_may import ROWS

SPANS = (("2025-11-10", "2025-12-31"), ("2026-01-01", "2026-02-20"), ("2026-02-21", "2026-03-27"))
TASKS = "task_code,name,unit,norm_minutes,opd_code,effective_from,active\nT-1,Layanan,berkas,10,,2025-01-01,true\n"
TODAY = dt.date(2025, 11, 6)
NOW = dt.datetime(2025, 11, 6, 9, 0, tzinfo=WIB)
PEOPLE = {"DISDIK-A": ("1.01", 6), "DISDIK-B": ("1.01", 5), "JATI-1": ("4.01", 4)}
HEADS = {"DISDIK-A": 0, "DISDIK-B": 6, "JATI-1": 11}
MINE, FOREIGN = "1.01", "4.01"
STRANGERS = range(11, 15)


@dataclass(frozen=True)
class Target:
    """Whom and what a request is about."""

    name: str
    employee: UUID
    colleague: UUID
    head: UUID
    unit: str
    opd: str


TARGETS = (
    Target("theirs", employee_id(7), employee_id(9), employee_id(6), "DISDIK-B", MINE),
    Target("beside", employee_id(3), employee_id(4), employee_id(0), "DISDIK-A", MINE),
    Target("foreign", employee_id(12), employee_id(13), employee_id(11), "JATI-1", FOREIGN),
)
CALLERS: Mapping[Role, tuple[UUID, str | None]] = {
    "staff": (employee_id(8), None),
    "supervisor": (employee_id(6), None),
    "opd_admin": (employee_id(1), MINE),
    **{role: (uuid4(), None) for role in ("bkpsdm", "council", "auditor", "ops")},
}
SIGN = {401: "u", 403: ".", 404: "0", 409: "=", 422: "!"}
"""What a row writes for an answer: + for a success, these, and no sign for any other."""


@dataclass
class World:
    """The running system, and what was made in it for requests to be about."""

    city: City
    made: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    telling: set[str] = field(default_factory=set[str])
    """The rows in which BKPSDM was told of people of the other OPD."""
    bodies: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])
    days: int = 0
    last: dt.date = dt.date(2025, 12, 1)

    def headers(self, role: Role, subject: UUID | None = None, opd: str | None = None) -> dict[str, str]:
        return self.city.signer.headers(role, subject, opd) | {"accept-language": "en"}

    def as_role(self, role: Role) -> dict[str, str]:
        subject, opd = CALLERS[role]
        return self.headers(role, subject, opd)

    async def call(
        self, method: str, path: str, *, role: Role = "bkpsdm", subject: UUID | None = None, **how: Any
    ) -> Any:
        headers = self.as_role(role) if subject is None else self.headers(role, subject)
        answer = await self.city.client.request(method, path, headers=headers, **how)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def db(self, service: str) -> Database:
        return self.city.apps[service].state.service.db  # pyright: ignore[reportArgumentType]

    def fresh_day(self, first: dt.date) -> str:
        """A date that no request has used yet."""
        self.days += 1
        return str(first + dt.timedelta(days=self.days))

    def work_day(self) -> str:
        """A date with working hours at the office (no Thursday: see the policy) that no request has used yet."""
        self.last += dt.timedelta(days=1)
        while self.last.weekday() in (3, 5, 6) or (self.last.month == 12 and self.last.day in (25, 26)):
            self.last += dt.timedelta(days=1)
        return str(self.last)


Made = Callable[[World, Target], Awaitable[str]]


async def outage(world: World, target: Target) -> str:
    body = {**outage_body(target), "outage_id": str(uuid4())}
    return (await world.call("POST", "/attendance/v1/outages", json=body))["outage_id"]


async def punch(world: World, target: Target) -> str:
    body = {"punch_id": str(uuid4()), "kind": "in", "device_at": None, "position": None}
    await world.call("POST", "/attendance/v1/punches", role="staff", subject=target.employee, json=body)
    return body["punch_id"] or ""


async def report(world: World, target: Target) -> str:
    path = f"/reporting/v1/me/reports/{world.fresh_day(dt.date(2025, 1, 1))}"
    made = await world.call("PUT", path, role="staff", subject=target.employee, json=REPORT)
    return made["report_id"]


async def evidence(world: World, target: Target) -> str:
    """A picture that the target's report names."""
    day, who = world.fresh_day(dt.date(2025, 1, 1)), target.employee
    path, how = f"/reporting/v1/me/reports/{day}", {"content-type": "image/png"}
    answer = await world.city.client.post(
        f"{path}/evidence", content=PICTURE, headers=world.headers("staff", who) | how
    )
    assert answer.status_code == 201, answer.text
    named = [{**REPORT["items"][0], "evidence": [answer.json()["evidence_id"]]}]
    await world.call("PUT", path, role="staff", subject=who, json={"items": named})
    return answer.json()["evidence_id"]


async def posting(world: World, target: Target) -> str:
    body = posting_body(world, target)
    return (await world.call("POST", f"/scheduling/v1/employees/{target.employee}/postings", json=body))[
        "change_id"
    ]


async def acting(world: World, target: Target) -> str:
    return (await world.call("POST", "/scheduling/v1/acting", json=acting_body(world, target)))["acting_id"]


async def hours(world: World, target: Target) -> str:
    return (await world.call("POST", "/scheduling/v1/hours", json=hours_body(world, target)))["special_id"]


async def policy(world: World, target: Target) -> str:
    return (await world.call("POST", "/scheduling/v1/policies", json=policy_body(target)))["policy_id"]


async def disowned(world: World, target: Target) -> str:
    body = {"ce_id": str(uuid4()), "topic": "attendance.recorded.v1", "reason": "test"}
    asked = await world.call("POST", "/scheduling/v1/disowned", json=body)
    path = f"/scheduling/v1/proposals/{asked['proposal_id']}/approve"
    await world.call("POST", path, subject=uuid4(), json={})
    return body["ce_id"]


async def proposal(world: World, target: Target) -> str:
    """Something late for the target's people that waits for a second officer."""
    body = {**SETTLE, "moves": [{"employee_id": str(target.employee), "work_date": str(TODAY), "mode": "WFO"}]}
    made = await world.city.client.post(
        "/scheduling/v1/plans/settle", headers=world.headers("bkpsdm", uuid4()), json=body
    )
    if made.status_code != 202:
        rules = {"ce_id": str(uuid4()), "topic": "attendance.recorded.v1", "reason": "test"}
        return (await world.call("POST", "/scheduling/v1/disowned", subject=uuid4(), role="bkpsdm", json=rules))[
            "proposal_id"
        ]
    return made.json()["proposal_id"]


async def roster(world: World, target: Target) -> str:
    found = await world.call("GET", f"/scheduling/v1/rosters?opd_code={target.opd}")
    return next(one["roster_id"] for one in found["items"])


async def swap(world: World, target: Target) -> str:
    first, second = world.work_day(), world.work_day()
    await at_home(world, (target.employee, first), (target.colleague, second))
    body = {"partner_id": str(target.colleague), "my_date": first, "their_date": second}
    asked = await world.call("POST", "/scheduling/v1/me/swaps", role="staff", subject=target.employee, json=body)
    return asked["swap_id"]


async def agreed(world: World, target: Target) -> str:
    swap_id = await swap(world, target)
    path = f"/scheduling/v1/swaps/{swap_id}/agree"
    await world.call("POST", path, role="staff", subject=target.colleague)
    return swap_id


async def at_home(world: World, *days: tuple[UUID, str]) -> None:
    moves = [{"employee_id": str(who), "work_date": date, "mode": "WFH"} for who, date in days]
    await world.call("POST", "/scheduling/v1/plans/settle", json={**SETTLE, "moves": moves})


async def message(world: World, target: Target) -> str:
    async with world.db("notifications").read() as tx:
        found = await tx.connection.fetchval(
            "select notification_id from message where employee_id = $1 limit 1", target.employee
        )
    return str(found)


async def task(world: World, target: Target) -> str:
    return "T-1"


PARAMETERS: Mapping[str, Made] = {
    "outage_id": outage,
    "report_id": report,
    "evidence_id": evidence,
    "change_id": posting,
    "acting_id": acting,
    "special_id": hours,
    "policy_id": policy,
    "ce_id": disowned,
    "proposal_id": proposal,
    "roster_id": roster,
    "swap_id": swap,
    "notification_id": message,
    "task_code": task,
}
SIMPLE: Mapping[str, Callable[[Target], str]] = {
    "employee_id": lambda target: str(target.employee),
    "unit_id": lambda target: target.unit,
    "opd_code": lambda target: target.opd,
    "serial": lambda target: f"SN-{target.name}",
    "kind": lambda _: "opds",
    "year": lambda _: "2025",
    "work_date": lambda _: str(TODAY),
    "date": lambda _: str(TODAY),
    "from": lambda _: "2025-11-01",
    "to": lambda _: "2025-11-14",
    "token": lambda _: "none",
}
REPORT: dict[str, Any] = {"items": [{"task": "Layanan", "quantity": 3, "unit": "berkas"}]}
SETTLE: dict[str, Any] = {"reason": "uji", "override": {"reason": "uji"}}


def outage_body(target: Target) -> dict[str, Any]:
    return {
        "scope": {"unit_ids": [target.unit]},
        "starts_at": "2025-11-05T08:00:00+07:00",
        "ends_at": "2025-11-05T09:00:00+07:00",
        "reason": "uji",
    }


def terminal_body(target: Target) -> dict[str, Any]:
    return {"name": "Pintu depan", "unit_id": target.unit, "reason": "uji"}


def pins_body(terminal: Target, person: Target) -> str:
    return f"pin,employee_id,serial\n77,{person.employee},SN-{terminal.name}\n"


def posting_body(world: World, _: Target) -> dict[str, Any]:
    day = world.fresh_day(dt.date(2026, 3, 1))
    return {"kind": "discipline", "effective_from": day, "until": day}


def acting_body(world: World, target: Target) -> dict[str, Any]:
    day = world.fresh_day(dt.date(2027, 1, 1))
    return {
        "absent_id": str(target.head),
        "deputy_id": str(target.employee),
        "kind": "PLH",
        "from": day,
        "to": day,
    }


def hours_body(world: World, target: Target) -> dict[str, Any]:
    day = world.fresh_day(dt.date(2028, 1, 1))
    return {
        "name": "uji",
        "from": day,
        "to": day,
        "timetable": "five_day",
        "opd_codes": [target.opd],
        "weekdays": {str(n): ["08:00", "14:00"] for n in range(7)},
    }


def policy_body(target: Target) -> dict[str, Any]:
    return {
        **STAGE_1,
        "policy_id": f"uji-{uuid4().hex[:8]}",
        "effective_from": "2029-01-01",
        "effective_to": "2029-02-01",
        "scope": {"opd_codes": [target.opd]},
    }


def roster_body(target: Target, **more: Any) -> dict[str, Any]:
    return {"from": "2025-11-17", "to": "2025-11-18", "scope": {"opd_codes": [target.opd]}, **more}


def absence_body(world: World, target: Target) -> dict[str, Any]:
    day = world.fresh_day(dt.date(2026, 6, 1))
    return {"employee_id": str(target.employee), "category": "leave", "kind": "annual", "from": day, "to": day}


def moving(*who: UUID, date: str = "2025-11-17") -> dict[str, Any]:
    return {**SETTLE, "moves": [{"employee_id": str(one), "work_date": date, "mode": "WFH"} for one in who]}


PICTURE = photo("PNG")
Body = Callable[[World, Target], Awaitable[Any]]


def told(body: Callable[[World, Target], Any]) -> Body:
    async def make(world: World, target: Target) -> Any:
        return body(world, target)

    return make


async def voided(world: World, target: Target) -> Any:
    return {"action": "void", "punch_id": await punch(world, target), "reason": "uji"}


async def claimed(world: World, target: Target) -> Any:
    """A punch for somebody of one's own by the id of a punch that the target has made."""
    return {
        "action": "manual",
        "employee_id": str(TARGETS[0].colleague),
        "kind": "in",
        "at": "2025-11-05T08:00:00+07:00",
        "punch_id": await punch(world, target),
        "reason": "uji",
    }


async def borrowed(world: World, target: Target) -> Any:
    """A report that names a file of the target's as evidence."""
    return {"items": [{**REPORT["items"][0], "evidence": [await evidence(world, target)]}]}


async def ended(world: World, target: Target) -> Any:
    body = absence_body(world, target)
    await world.call("POST", "/scheduling/v1/absences", json=body)
    return body


async def amended(world: World, target: Target) -> Any:
    body, day = await ended(world, target), world.fresh_day(dt.date(2026, 6, 1))
    kept = {key: body[key] for key in ("employee_id", "category", "from", "to")}
    return {**kept, "new_from": day, "new_to": day}


async def recalling(world: World, target: Target) -> Any:
    """An absence of one's own, with somebody who is to come back from home for it."""
    day = "2025-11-18"
    await at_home(world, (target.colleague, day))
    return {
        **absence_body(world, TARGETS[0]),
        "recall": [{"employee_id": str(target.colleague), "work_date": day}],
    }


async def offered(world: World, target: Target) -> Any:
    """A swap with the target, of days that are as a swap wants them."""
    first, second = world.work_day(), world.work_day()
    staff, _ = CALLERS["staff"]
    await at_home(world, (staff, first), (target.employee, second))
    return {"partner_id": str(target.employee), "my_date": first, "their_date": second}


ASSESSED: dict[str, Any] = {
    "assessed_on": "2025-11-05",
    "remote_tasks": 1,
    "digital_service": 1,
    "supervision": 1,
    "connection": 1,
    "minimum_staff": 1,
    "evidence": {},
}
BODIES: Mapping[str, Body] = {
    "POST /attendance/v1/corrections": told(
        lambda _, target: {
            "action": "manual",
            "employee_id": str(target.employee),
            "kind": "in",
            "at": "2025-11-05T08:00:00+07:00",
            "punch_id": str(uuid4()),
            "reason": "uji",
        }
    ),
    "POST /attendance/v1/corrections #void": voided,
    "POST /attendance/v1/corrections #a punch of theirs as another's": claimed,
    "POST /attendance/v1/outages": told(lambda _, target: {**outage_body(target), "outage_id": str(uuid4())}),
    "PUT /attendance/v1/outages/{outage_id}": told(lambda _, target: {**outage_body(target), "revision": 1}),
    "POST /attendance/v1/outages/{outage_id}/revocation": told(lambda _, __: {"reason": "uji"}),
    "POST /attendance/v1/punches": told(lambda _, __: {"punch_id": str(uuid4()), "kind": "in"}),
    "POST /attendance/v1/punches #theirs": told(
        lambda _, target: {"punch_id": str(uuid4()), "kind": "in", "employee_id": str(target.employee)}
    ),
    "POST /attendance/v1/punches/batch": told(lambda _, __: {"punches": []}),
    "PUT /notifications/v1/me/preferences": told(lambda _, __: {"language": "id"}),
    "PUT /attendance/v1/terminals/{serial}": told(lambda _, target: terminal_body(target)),
    "PUT /attendance/v1/terminals/{serial} #another unit": told(lambda _, target: terminal_body(target)),
    "PUT /attendance/v1/terminals/{serial} #taken over": told(lambda _, __: terminal_body(TARGETS[0])),
    "POST /attendance/v1/terminal-pins": told(lambda _, target: pins_body(target, target)),
    "POST /attendance/v1/terminal-pins #one's own terminal": told(lambda _, target: pins_body(TARGETS[0], target)),
    "POST /attendance/v1/terminal-pins #one's own people": told(lambda _, target: pins_body(target, TARGETS[0])),
    "POST /attendance/v1/terminal-pins #the city's": told(
        lambda _, target: f"pin,employee_id\n9{len(target.name)},{target.employee}\n"
    ),
    "POST /attendance/v1/terminals/{serial}/replay": told(lambda _, __: {"reason": "uji"}),
    "POST /attendance/v1/terminals/{serial}/dismissal": told(
        lambda _, __: {"reason": "uji", "waiting_for": ["unknown_pin"]}
    ),
    "POST /attendance/v1/terminals/{serial}/files": told(lambda _, __: "77\t2025-11-06 07:30:00\t0\t1\n"),
    "POST /reporting/v1/catalogue/imports": told(
        lambda _, target: (
            "task_code,name,unit,norm_minutes,opd_code,effective_from,active\n"
            f"T-{uuid4().hex[:6]},Layanan,berkas,10,{target.opd},2025-01-01,true\n"
        )
    ),
    "PUT /reporting/v1/me/intentions/{work_date}": told(lambda _, __: {"items": [{"task": "Layanan"}]}),
    "PUT /reporting/v1/me/reports/{work_date} #another's evidence": borrowed,
    "PUT /reporting/v1/me/reports/{work_date}": told(lambda _, __: REPORT),
    "POST /reporting/v1/me/reports/{work_date}/evidence": told(lambda _, __: PICTURE),
    "PUT /reporting/v1/me/reports/{work_date}/draft": told(lambda _, __: {"items": [{"task": "Layanan"}]}),
    "PUT /reporting/v1/people/{employee_id}/targets/{year}": told(
        lambda _, __: {"items": [{"code": "A1", "title": "Layanan"}]}
    ),
    "POST /reporting/v1/reports/{report_id}/reviews": told(
        lambda _, __: {"revision": 1, "decision": "returned", "note": "uji"}
    ),
    "POST /scheduling/v1/absences": told(absence_body),
    "POST /scheduling/v1/absences #recall": recalling,
    "POST /scheduling/v1/absences #recall of a day off": told(
        lambda world, target: {
            **absence_body(world, TARGETS[0]),
            "recall": [{"employee_id": str(target.colleague), "work_date": "2025-11-15"}],
        }
    ),
    "POST /scheduling/v1/absences/amend": amended,
    "POST /scheduling/v1/absences/end": ended,
    "POST /scheduling/v1/acting": told(acting_body),
    "POST /scheduling/v1/disowned": told(
        lambda _, __: {"ce_id": str(uuid4()), "topic": "attendance.recorded.v1", "reason": "uji"}
    ),
    "POST /scheduling/v1/disowned/{ce_id}/revoke": told(lambda _, __: {"reason": "uji"}),
    "POST /scheduling/v1/employees/{employee_id}/erase": told(lambda _, __: {"reason": "uji"}),
    "POST /scheduling/v1/employees/{employee_id}/postings": told(posting_body),
    "PUT /scheduling/v1/employees/{employee_id}/remote-places": told(lambda _, __: {"places": []}),
    "POST /scheduling/v1/hours": told(hours_body),
    "POST /scheduling/v1/imports/{kind}": told(lambda _, __: OPDS),
    "POST /scheduling/v1/me/swaps": offered,
    "PUT /scheduling/v1/me/wishes/{work_date}": told(lambda _, __: {"mode": "WFH"}),
    "POST /scheduling/v1/plans/settle": told(lambda _, target: moving(target.employee)),
    "POST /scheduling/v1/plans/settle #mixed": told(
        lambda _, target: moving(TARGETS[0].employee, target.colleague)
    ),
    "POST /scheduling/v1/plans/settle #day off": told(
        lambda _, target: moving(target.employee, date="2025-11-15")
    ),
    "POST /scheduling/v1/policies": told(lambda _, target: policy_body(target)),
    "POST /scheduling/v1/policies #mixed": told(
        lambda _, target: {**policy_body(target), "scope": {"opd_codes": sorted({MINE, target.opd})}}
    ),
    "POST /scheduling/v1/policies #all": told(lambda _, target: {**policy_body(target), "scope": {"all": True}}),
    "POST /scheduling/v1/proposals/{proposal_id}/approve": told(lambda _, __: {}),
    "POST /scheduling/v1/proposals/{proposal_id}/refuse": told(lambda _, __: {"reason": "uji"}),
    "POST /scheduling/v1/readiness": told(
        lambda _, target: {**ASSESSED, "subject_kind": "unit", "subject_id": target.unit}
    ),
    "POST /scheduling/v1/readiness #opd": told(
        lambda _, target: {**ASSESSED, "subject_kind": "opd", "subject_id": target.opd}
    ),
    "PUT /scheduling/v1/readiness/weights": told(lambda _, __: {}),
    "POST /scheduling/v1/rosters": told(lambda _, target: roster_body(target)),
    "POST /scheduling/v1/rosters #unit": told(
        lambda _, target: {**roster_body(target), "scope": {"unit_ids": [target.unit]}}
    ),
    "POST /scheduling/v1/rosters #mixed": told(
        lambda _, target: roster_body(target, scope={"unit_ids": ["DISDIK-B", target.unit]})
    ),
    "POST /scheduling/v1/rosters #all": told(lambda _, target: roster_body(target, scope={"all": True})),
    "POST /scheduling/v1/rosters/what-if": told(
        lambda _, target: roster_body(target, policy={**policy_body(target), "scope": {"all": True}}, detail=True)
    ),
    "POST /scheduling/v1/rules": told(
        lambda world, _: {
            "rules_version": f"uji-{uuid4().hex[:6]}",
            "effective_from": world.fresh_day(dt.date(2030, 1, 1)),
            "tolerance_minutes": 0,
            "report_modes": ["WFO"],
            "report_cutoff": "17:00",
            "review_sla_working_days": 3,
        }
    ),
    "POST /scheduling/v1/swaps/{swap_id}/approve": told(lambda _, __: {}),
    "POST /scheduling/v1/units/{unit_id}/apart": told(
        lambda _, target: {"employee_ids": [str(target.employee), str(target.colleague)], "reason": "uji"}
    ),
    "POST /scheduling/v1/units/{unit_id}/apart #others": told(
        lambda _, target: {"employee_ids": [str(TARGETS[0].employee), str(target.colleague)], "reason": "uji"}
    ),
}


def planned(place: Mapping[str, Any], day: int) -> ScheduleChanged:
    """A day at the office for whom `place` names."""
    hours = {"starts_at": f"2025-11-{day:02}T07:30:00+07:00", "ends_at": f"2025-11-{day:02}T16:00:00+07:00"}
    date = {"work_date": f"2025-11-{day:02}", "revision": 1, "mode": "WFO", "policy_version": "p1"}
    return ScheduleChanged.model_validate({**place, **date, **hours})


def facts() -> list[Event]:
    """The city as the other services know it, with a plan and a check-in for everybody today."""
    known: list[Event] = [
        RulesChanged(
            rules_version="r1",
            effective_from=dt.date(2025, 1, 1),
            tolerance_minutes=0,
            report_modes=["WFO", "WFH"],
            report_cutoff="17:00",
            review_sla_working_days=3,
        )
    ]
    number = 0
    for unit, (opd, count) in PEOPLE.items():
        known.append(
            UnitChanged(
                unit_id=unit,
                revision=1,
                opd_code=opd,
                opd_name=f"OPD {opd}",
                name=unit,
                is_service_point=True,
                requirements=[
                    Requirement(
                        effective_from=dt.date(2025, 1, 1),
                        weekdays=[0, 1, 2, 3, 4],
                        opens="08:00",
                        closes="15:00",
                        min_staff=1,
                    )
                ],
            )
        )
        for person in range(number, number + count):
            head = person == HEADS[unit]
            who = employee_id(person)
            place: dict[str, Any] = {"employee_id": who, "opd_code": opd, "unit_id": unit, "work_date": TODAY}
            known += [
                EmployeeChanged(
                    employee_id=who,
                    revision=1,
                    nip=nip(person),
                    name=called(person),
                    opd_code=opd,
                    unit_id=unit,
                    employment="PNS",
                    supervisor_id=None if head else employee_id(HEADS[unit]),
                    heads=[unit] if head else [],
                ),
                planned(place, 6),
                planned(place, 7),
                AttendanceRecorded(
                    punch_id=uuid4(),
                    kind="in",
                    at=NOW,
                    received_at=NOW,
                    zone="office",
                    source="app",
                    **place,
                ),
            ]
        number += count
    return known


def called(person: int) -> str:
    return f"Asing-{person}" if person in STRANGERS else f"Kawan-{person}"


MARKS_OF_STRANGERS = tuple(mark for n in STRANGERS for mark in (str(employee_id(n)), called(n), nip(n)))
MARKS_OF_ALL = tuple(mark for n in range(15) for mark in (str(employee_id(n)), called(n), nip(n)))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    clock = FixedClock(NOW)
    async with all_services(postgres, migrated_template, tmp_path_factory.mktemp("who"), clock) as city:
        world = World(city)
        people = employees(PEOPLE)
        for n in range(14, -1, -1):
            people = people.replace(f",Pegawai {n},", f",{called(n)},")
        files = {"opds": OPDS, "units": UNITS, "requirements": REQUIREMENTS, "employees": people}
        for kind, text in (*files.items(), ("holidays", HOLIDAYS)):
            await world.call("POST", f"/scheduling/v1/imports/{kind}", content=text)
        await world.call("POST", "/scheduling/v1/policies", json={**STAGE_1, "effective_from": "2025-11-07"})
        for opd in (MINE, FOREIGN):
            for first, last in SPANS:
                body = {"from": first, "to": last, "scope": {"opd_codes": [opd]}, "publish": True}
                await world.call("POST", "/scheduling/v1/rosters", json=body)
        await city.know(*facts())
        await world.call("POST", "/reporting/v1/catalogue/imports", content=TASKS)
        for target in TARGETS:
            for serial in (f"SN-{target.name}", f"SN-{target.name}-2", "SN-moving"):
                hangs = terminal_body(TARGETS[0] if serial == "SN-moving" else target)
                await world.call("PUT", f"/attendance/v1/terminals/{serial}", json=hangs)
            pins = f"pin,employee_id,serial\n88,{target.employee},SN-{target.name}\n"
            await world.call("POST", "/attendance/v1/terminal-pins", content=pins)
            away = {**absence_body(world, target), "from": "2025-11-12", "to": "2025-11-12", **SETTLE}
            await world.call("POST", "/scheduling/v1/absences", json=away)
            path, meant = "/reporting/v1/me/intentions/2025-11-07", {"items": [{"task": "Layanan"}]}
            await world.call("PUT", path, role="staff", subject=target.employee, json=meant)
        yield world


def sign(answer: httpx.Response) -> str:
    return "+" if answer.status_code < 300 else SIGN.get(answer.status_code, f"<{answer.status_code}>")


TOPICS = {
    "scheduling": "directory.unit.v1",
    "attendance": "attendance.recorded.v1",
    "reporting": "report.submitted.v1",
    "notifications": "notification.sent.v1",
}


def chosen(door: Door, row: str, name: str, target: Target) -> str | None:
    """What a parameter is at some doors, or in some rows; None where it is as everywhere."""
    special = {
        ("topic", True): TOPICS[door.service],
        ("work_date", "wishes" in row): "2025-12-01",
        ("work_date", "intentions" in row): "2025-11-07",
        ("date", door.service == "scheduling"): "2025-11-12",
        ("serial", "#another unit" in row): "SN-moving",
        ("serial", "#taken over" in row): f"SN-{target.name}-2",
    }
    return special.get((name, True))


async def parameter(world: World, door: Door, row: str, name: str, target: Target) -> str:
    special = chosen(door, row, name, target)
    if special is not None:
        return special
    simple = SIMPLE.get(name)
    if simple is not None:
        return simple(target)
    key = (f"{row} ?{name}", target.name)
    if key not in world.made:
        make = agreed if name == "swap_id" and "approve" in row else PARAMETERS[name]
        world.made[key] = await make(world, target)
    return world.made[key]


def used_up(world: World, row: str) -> None:
    """What a request has changed is no good for the next."""
    for kept in (world.made, world.bodies):
        for key in [key for key in kept if key[0].partition(" ?")[0] == row]:
            del kept[key]


async def ask(world: World, door: Door, row: str, target: Target, headers: Mapping[str, str]) -> httpx.Response:
    path, query = door.path, dict[str, str]()
    for one in door.parameters:
        name = one["name"]
        if one["in"] == "path":
            path = path.replace("{" + name + "}", quote(await parameter(world, door, row, name, target)))
        elif one.get("required") or name in ("opd_code", "unit_id", "serial"):
            query[name] = await parameter(world, door, row, name, target)
    if row in BODIES and (row, target.name) not in world.bodies:
        world.bodies[row, target.name] = await BODIES[row](world, target)
    body = world.bodies.get((row, target.name))
    how: dict[str, Any] = {} if body is None else {"content": body} if isinstance(body, str) else {"json": body}
    if isinstance(body, bytes):
        how = {"content": body}
    address = path + ("?" + urlencode(query) if query else "")
    answer = await world.city.client.request(door.method, address, headers=dict(headers), **how)
    if door.method != "GET" and answer.status_code < 300:
        used_up(world, row)
    return answer


def rows_of(door: Door) -> list[str]:
    return [row for row in ROWS if row.partition(" #")[0] == door.name]


def walked(world: World) -> list[Door]:
    return [door for door in world.city.doors if not door.path.endswith("/stream")]


async def actual(world: World, door: Door, row: str) -> tuple[str, list[str]]:
    """(what the roles were answered with, what was told to whom and should not have been)."""
    signs, leaks = list[str](), list[str]()
    for target in TARGETS:
        for role in ROLES:
            answer = await ask(world, door, row, target, world.as_role(role))
            signs.append(sign(answer))
            if role == "bkpsdm" and any(mark in answer.text for mark in MARKS_OF_STRANGERS):
                world.telling.add(row)
            if role in ("staff", "supervisor", "opd_admin"):
                marks = MARKS_OF_STRANGERS
            elif role in ("council", "ops"):
                marks = MARKS_OF_ALL
            else:
                marks = ()
            asked = f"{answer.request.url} {answer.request.content.decode(errors='replace')} {CALLERS[role]}"
            leaks += [
                f"{row} tells {role} of {mark} ({target.name})"
                for mark in marks
                if mark in answer.text and mark not in asked
            ]
        signs.append(" ")
    return "".join(signs).rstrip(), leaks


async def test_every_door_has_a_row_and_every_row_a_door(world: World) -> None:
    """Where this fails: make what the door needs (PARAMETERS, BODIES above), judge who may, write the row."""
    doors = {door.name: door for door in walked(world)}
    missing = list[str]()
    for name in sorted(doors.keys() - {row.partition(" #")[0] for row in ROWS}):
        try:
            signs, _ = await actual(world, doors[name], name)
        except KeyError as unknown:
            signs = f"nobody has said what {unknown} is"
        missing.append(f"{name}: no row in tests/kit/who_may.py; as it is now: {signs}")
    assert missing == [], "\n".join(missing)
    assert [row for row in ROWS if row.partition(" #")[0] not in doors] == []
    assert [row for row in BODIES if row not in ROWS] == []


async def test_every_role_is_answered_as_the_table_says_and_told_of_nobody_else(world: World) -> None:
    wrong = list[str]()
    for door in walked(world):
        for row in rows_of(door):
            signs, leaks = await actual(world, door, row)
            wrong += leaks
            if signs != ROWS[row]:
                wrong.append(f"{row}\n    expected {ROWS[row]}\n    answered {signs}")
    assert wrong == [], "\n".join(wrong)
    assert {  # there is somebody to be told of
        "GET /scheduling/v1/employees",
        "GET /scheduling/v1/plans",
        "GET /scheduling/v1/plans.csv",
        "GET /scheduling/v1/absences",
        "GET /scheduling/v1/units/{unit_id}/plans",
        "GET /attendance/v1/terminal-pins",
        "GET /reporting/v1/opds/{opd_code}/people",
        "GET /reporting/v1/people/{employee_id}/days/{date}",
    } <= world.telling


async def test_an_opd_admin_whose_token_names_no_opd_is_in_none(world: World) -> None:
    """They may what the table gives an OPD admin about another OPD's, and are told of nobody."""
    nowhere, wrong = world.headers("opd_admin", uuid4()), list[str]()
    for door in walked(world):
        for row in rows_of(door):
            foreign = ROWS[row].split(" ")[2][ROLES.index("opd_admin")]
            for target in TARGETS:
                answer = await ask(world, door, row, target, nowhere)
                if answer.status_code < 300 and (
                    foreign != "+" or any(one in answer.text for one in MARKS_OF_ALL)
                ):
                    wrong.append(f"{row}: {answer.status_code} {answer.text[:200]} ({target.name})")
    assert wrong == [], "\n".join(wrong)


async def test_nobody_in_particular_opens_no_door_and_changes_nothing(world: World) -> None:
    """Without a token nothing, by an office's token no change, by a browser's session no change."""
    token = world.city.signer.token("bkpsdm", uuid4())
    opened = await world.city.client.post("/reporting/login", data={"token": token})
    world.city.client.cookies.clear()
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0], "Sec-Fetch-Site": "same-origin"}
    wrong = list[str]()
    for door in walked(world):
        if "/v1/" not in door.path:
            continue
        for row in rows_of(door):
            answers = {"nobody": await ask(world, door, row, TARGETS[0], {})}
            if door.method != "GET" and row not in OF_A_SESSION:
                answers["an office"] = await ask(world, door, row, TARGETS[0], world.headers("bkpsdm"))
                answers["a cookie"] = await ask(world, door, row, TARGETS[0], cookie)
            expected = {"nobody": {401}, "an office": {403}, "a cookie": {401, 403}}
            wrong += [
                f"{row}: {answer.status_code} to {who}"
                for who, answer in answers.items()
                if answer.status_code not in expected[who]
            ]
    assert wrong == [], "\n".join(wrong)


OF_A_SESSION = ("POST /reporting/v1/sign-in-links", "POST /reporting/v1/session-tokens")
"""They change nothing of anybody's: the one makes a session of an office's token, the other is for a cookie."""
