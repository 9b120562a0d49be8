"""Schemathesis knocks at every door that the documents of a running system name, and judges every answer by them.

A few times at each door, always the same. With `HADIR_KNOCKS=200` so often, each time otherwise, and the bounds of
every parameter and member besides.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from schemathesis import Config, openapi
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.core import EventStream

from shared.auth import Role, load_private_key
from shared.clock import write_anchor
from shared.events.base import SERVICES, ServiceName
from tests.integration.test_local_system import eventually, up
from tests.kit.attendance import wib
from tests.kit.backing import temporary_state
from tests.kit.doors import City, Door, doors_of
from tests.kit.scheduling import HOLIDAYS, OPDS, REQUIREMENTS, SMALL_CITY, STAGE_1, UNITS, employees
from tests.kit.services import Signer
from tests.kit.walk import FOREIGN, MINE, PARAMETERS, SIMPLE, TARGETS, World, terminal_body

pytestmark = pytest.mark.asyncio(loop_scope="session")

KNOCKS = int(os.environ.get("HADIR_KNOCKS", "0"))
SEED = random.randrange(2**32) if KNOCKS else 7
FEW: Mapping[Role | None, int] = {"bkpsdm": 3, "staff": 2, None: 1}
"""Examples at each door, by who knocks; None is nobody in particular."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
)
UNENDING = "/stream"
"""What the addresses of event streams end with: they answer, and do not end."""

EVENING, MORNING = wib("2025-11-05T20:00"), wib("2025-11-06T09:00")
TASKS = "task_code,name,unit,norm_minutes,opd_code,effective_from,active\nT-1,Layanan,berkas,10,,2025-01-01,true\n"
RULES: dict[str, Any] = {
    "rules_version": "r1",
    "effective_from": "2025-11-06",
    "tolerance_minutes": 0,
    "report_modes": ["WFO", "WFH"],
    "report_cutoff": "17:00",
    "review_sla_working_days": 3,
}


@dataclass(frozen=True)
class Asked:
    """The running city and what there is in it: name of a parameter -> values of which something is known."""

    http: str
    world: World
    known: Mapping[str, list[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asked() -> AsyncIterator[Asked]:
    """Four services with one Kafka and one PostgreSQL of their own, and a small city whose day has begun."""
    with temporary_state() as state:
        clock = state.root / "clock.json"
        write_anchor(clock, business=EVENING, wall=time.time(), speed=1)
        with up(state) as system:
            async with httpx.AsyncClient(base_url=system.http, timeout=60, trust_env=False) as client:
                doors = list[Door]()
                for service in SERVICES:
                    doors += doors_of(service, (await client.get(f"/{service}/openapi.json")).json())
                world = World(City(client, Signer(load_private_key(state.private_key)), doors, {}))
                await found(world)
                write_anchor(clock, business=MORNING, wall=time.time(), speed=1)
                yield Asked(system.http, world, await made(world))


async def found(world: World) -> None:
    """Import the city and publish its plans; returns when every service knows of them."""
    files = {"opds": OPDS, "units": UNITS, "requirements": REQUIREMENTS, "employees": employees(SMALL_CITY)}
    for kind, text in (*files.items(), ("holidays", HOLIDAYS)):
        await world.call("POST", f"/scheduling/v1/imports/{kind}", content=text)
    await world.call("POST", "/scheduling/v1/rules", json=RULES)
    await world.call("POST", "/scheduling/v1/policies", json=STAGE_1)
    for opd in (MINE, FOREIGN):
        body = {"from": "2025-11-06", "to": "2025-12-31", "scope": {"opd_codes": [opd]}, "publish": True}
        await world.call("POST", "/scheduling/v1/rosters", json=body)
    await world.call("POST", "/reporting/v1/catalogue/imports", content=TASKS)

    async def known() -> bool:
        people = await world.call("GET", "/reporting/v1/opds/4.01/people?date=2025-11-06")
        inbox = await world.call("GET", "/notifications/v1/me/inbox", role="staff", subject=TARGETS[0].employee)
        return len(people["items"]) == 4 and bool(inbox["items"]) and await hung_up()

    async def hung_up() -> bool:
        for target in TARGETS:
            path, headers = f"/attendance/v1/terminals/SN-{target.name}", world.as_role("bkpsdm")
            answer = await world.city.client.put(path, json=terminal_body(target), headers=headers)
            if answer.status_code >= 300:  # attendance does not know the unit yet
                return False
        return True

    await eventually(known)


async def made(world: World) -> Mapping[str, list[str]]:
    """Something for each parameter of an address to be about."""
    names = {one["name"] for door in world.city.doors for one in door.parameters if one["in"] == "path"}
    known = dict[str, list[str]]()
    for name in sorted(names & (PARAMETERS.keys() | SIMPLE.keys())):
        simple = SIMPLE.get(name)
        known[name] = [simple(one) if simple else await PARAMETERS[name](world, one) for one in TARGETS[:2]]
    return known


def knocks(asked: Asked, service: ServiceName, headers: Mapping[str, str], most: int) -> EventStream:
    """Schemathesis at all doors of a service, as whom `headers` name."""
    config = {
        "seed": SEED,
        "suppress-health-check": ["all"],
        "headers": dict(headers),
        "request-timeout": 60,
        "continue-on-failure": True,
        "generation": {"max-examples": most, "database": "none", "no-shrink": not KNOCKS},
        "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
        "phases": {
            "examples": {"enabled": False},
            "coverage": {"enabled": bool(KNOCKS)},
            "stateful": {"enabled": False},
            # Otherwise a refusal that names what one kind of policy needs is taken for a rule of all kinds, in the
            # next run too, and the door given up: no body fits it (findings/schemathesis-learns-a-condition.sh).
            "fuzzing": {"error-feedback": {"enabled": False}},
        },
        "dictionaries": {name: {"values": values} for name, values in asked.known.items()},
        "parameters": {f"path.{name}": {"dictionary": name, "probability": 0.8} for name in asked.known},
        "operations": [{"include-path-regex": f"{UNENDING}$", "enabled": False}],
    }
    address = f"{asked.http}/{service}/openapi.json"
    settings = Config.from_dict(config)  # pyright: ignore[reportUnknownMemberType] - a bare dict there
    return from_schema(openapi.from_url(address, config=settings)).execute()


@dataclass
class Heard:
    """What came of it: what is wrong, with the request to repeat; and how often a door answered with a status."""

    wrong: dict[str, None] = field(default_factory=dict[str, None])
    statuses: dict[str, Counter[int]] = field(default_factory=dict[str, Counter[int]])

    def listen(self, stream: EventStream) -> None:
        for event in stream:
            if isinstance(event, events.ScenarioFinished) and event.status is not Status.SKIP:
                self._door(event.recorder)
            elif isinstance(event, events.NonFatalError):
                self.wrong[f"{event.label}: {event.info.message}"] = None
            elif isinstance(event, events.FatalError):
                raise event.exception

    def _door(self, recorder: Any) -> None:
        seen = self.statuses.setdefault(recorder.label, Counter())
        seen.update(one.response.status_code for one in recorder.interactions.values() if one.response is not None)
        for check in (check for checks in recorder.checks.values() for check in checks):
            if check.status is not Status.SUCCESS:
                told = check.failure_info
                said = f"{told.failure.title}: {told.failure.message}\n{told.code_sample}" if told else check.name
                self.wrong[f"{recorder.label}: {said}"] = None


@pytest.mark.parametrize("role", FEW)
async def test_every_answer_is_as_the_documents_say(asked: Asked, role: Role | None) -> None:
    heard = Heard()
    headers = asked.world.as_role(role) if role else {}
    for service in SERVICES:
        stream = knocks(asked, service, headers, KNOCKS or FEW[role])
        await asyncio.to_thread(heard.listen, stream)
    assert not heard.wrong, "\n\n".join((f"seed {SEED}", *heard.wrong))
    doors = {door.name for door in asked.world.city.doors if not door.path.endswith(UNENDING)}
    assert doors - heard.statuses.keys() == set(), "nobody has knocked at these"
    if role == "bkpsdm":
        opened = [door for door in doors if any(status < 300 for status in heard.statuses[door])]
        assert len(opened) > len(doors) / 2, "hardly anything was answered but with refusals"
