"""What requests of the walk of all doors are about: callers, targets, what is made for them, and bodies."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from shared.access import Role
from shared.database import Database
from tests.kit.doors import City
from tests.kit.pictures import photo
from tests.kit.scheduling import OPDS, STAGE_1, employee_id

TODAY = dt.date(2025, 11, 6)
MINE, FOREIGN = "1.01", "4.01"


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
    return made.json()["proposal"]["proposal_id"]


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
    found = await world.call("GET", "/notifications/v1/me/inbox", role="staff", subject=target.employee)
    return found["items"][0]["notification_id"]


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
    **dict.fromkeys(("result", "behaviour"), lambda _: "at"),
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
    day = world.fresh_day(dt.date(2026, 12, 1))
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


async def reviewed(world: World, target: Target) -> Any:
    return {"reviews": [{"report_id": await report(world, target), "revision": 1, "decision": "returned"}]}


async def ended(world: World, target: Target) -> Any:
    body = absence_body(world, target)
    await world.call("POST", "/scheduling/v1/absences", json=body)
    return body


async def amended(world: World, target: Target) -> Any:
    body, day = await ended(world, target), world.fresh_day(dt.date(2026, 12, 1))
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
    "POST /reporting/v1/reviews": reviewed,
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
