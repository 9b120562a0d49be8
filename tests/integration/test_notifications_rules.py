"""Who changes a rule, what holds from then on, and what is seen to: over HTTP, on a real PostgreSQL."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from services.notifications.app import create_app
from services.notifications.commands import escalation, telling
from services.notifications.commands.notices import tell
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.rules import shipped
from services.notifications.domain.telling import Telling
from shared.access import Role
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.database import Database
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_notifications_telling import person, received
from tests.kit.services import Signer, in_process, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOW = dt.datetime(2025, 11, 6, 7, 10, tzinfo=dt.timezone(dt.timedelta(hours=7)))
RULES = "/notifications/v1/rules"
OFFICER, HEAD, OPD_HEAD, ADI = (UUID(int=n) for n in range(1, 5))


@dataclass
class City:
    client: httpx.AsyncClient
    signer: Signer
    db: Database

    async def ask(
        self, method: str, path: str, json: Any = None, *, role: Role = "bkpsdm", who: UUID = OFFICER
    ) -> httpx.Response:
        headers = {**self.signer.headers(role, who), "accept-language": "en"}
        return await self.client.request(method, path, json=json, headers=headers)

    async def rule(self, kind: str) -> dict[str, Any]:
        found = (await self.ask("GET", RULES)).json()
        assert found["may_change"]
        return next(one for one in found["items"] if one["kind"] == kind)

    async def tell(self, *tellings: Telling, at: dt.datetime = NOW) -> None:
        async with self.db.transaction() as tx:
            await telling.tell(tx, tellings, at)

    async def inbox(self, who: UUID) -> list[dict[str, Any]]:
        return (await self.ask("GET", "/notifications/v1/me/inbox", role="staff", who=who)).json()["items"]


@pytest_asyncio.fixture(loop_scope="session")
async def city(kafka: str, database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[City]:
    signer, db = Signer(), await database_for("notifications")
    settings = settings_for("notifications", signer, tmp_path, database_url=db.url, kafka=kafka)
    heads = {HEAD: ["U1"], OPD_HEAD: ["DISDIK"], ADI: []}
    people = [received(person(who, unit="U2", heads=of)) for who, of in heads.items()]
    await tell(people, HandlerContext(settings, db, FixedClock(NOW), Metrics("notifications")))
    async with in_process(create_app(settings, FixedClock(NOW))) as client:
        yield City(client, signer, db)


def returned() -> Telling:
    return Telling("report.returned", uuid4(), {"work_date": "2025-11-05", "report_revision": 1}, people=[ADI])


def short() -> Telling:
    figures = {"required": 2, "present": 1, "as_of": NOW.isoformat()}
    return Telling("counter.short", uuid4(), figures, "U1", unit_id="U1", opd_codes=["DISDIK"])


async def test_a_rule_is_changed_by_version_holds_at_once_and_goes_back_to_what_is_shipped(city: City) -> None:
    before = await city.rule("report.returned")
    assert (before["version"], before["is_shipped"], before["rule"]) == (0, True, before["shipped"])
    off = {**before["rule"], "on": False, "version": 0, "reason": "uji coba"}
    for _ in range(2):  # sent again, it is the same change
        answer = await city.ask("PUT", f"{RULES}/report.returned", off)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["version"], answer.json()["rule"]["on"]) == (1, False)
    await city.tell(returned())
    assert await city.inbox(ADI) == []

    late = await city.ask("PUT", f"{RULES}/report.returned", {**off, "urgent": True})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (409, "version")
    back = {"version": 1, "reason": "selesai"}
    for _ in range(2):
        answer = await city.ask("POST", f"{RULES}/report.returned/shipped", back)
        assert (answer.status_code, answer.json()["version"], answer.json()["is_shipped"]) == (200, 2, True)
    await city.tell(returned())
    assert [one["kind"] for one in await city.inbox(ADI)] == ["report.returned"]

    history = (await city.ask("GET", f"{RULES}/report.returned/history", role="auditor")).json()["items"]
    assert [(one["version"], one["rule"] and one["rule"]["on"]) for one in history] == [(2, None), (1, False)]
    audit = (await city.ask("GET", "/notifications/v1/audit?action=message_rule", role="auditor")).json()["items"]
    assert [(one["action"], one["subject"], one["officer"], one["reason"]) for one in audit] == [
        ("message_rule.shipped", "report.returned", str(OFFICER), "selesai"),
        ("message_rule.set", "report.returned", str(OFFICER), "uji coba"),
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": ["person"]}, "to.0"),
        ({"to": ["mayor"]}, "to.0"),
        ({"urgnt": True}, "urgnt"),
        ({"on": "yes"}, "on"),
        ({"escalate": [{"after_minutes": 0, "to": ["opd_head"]}]}, "escalate.0.after_minutes"),
        ({"version": -1}, "version"),
        ({"reason": "199001012015011001"}, "reason"),
    ],
)
async def test_a_senseless_rule_is_refused_by_its_field_and_nothing_is_written(
    city: City, change: dict[str, Any], field: str
) -> None:
    whole = {**shipped().kinds["counter.short"].model_dump(mode="json"), "version": 0, "reason": "uji", **change}
    answer = await city.ask("PUT", f"{RULES}/counter.short", whole)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert (await city.rule("counter.short"))["version"] == 0


async def test_every_kind_has_a_rule_with_what_can_be_chosen(city: City) -> None:
    found = (await city.ask("GET", RULES)).json()["items"]
    assert [one["kind"] for one in found] == list(KINDS)
    for one in found:
        assert {*one["rule"]["to"]} <= {*one["recipients"]}
        again = {**one["rule"], "version": 0, "reason": "uji"}
        answer = await city.ask("PUT", f"{RULES}/{one['kind']}", again)
        assert (answer.status_code, answer.json()["version"]) == (200, 0)


async def test_limits_change_alike_and_say_when_nobody_answers_for_the_city(city: City) -> None:
    before = (await city.ask("GET", f"{RULES}/limits")).json()
    assert len(before["warnings"]) == 1
    change = {**before["limits"], "city_opd": "DISDIK", "version": 0, "reason": "uji"}
    answer = (await city.ask("PUT", f"{RULES}/limits", change)).json()
    assert (answer["version"], answer["warnings"], answer["limits"]["city_opd"]) == (1, [], "DISDIK")
    wrong = await city.ask("PUT", f"{RULES}/limits", {**change, "version": 1, "quiet_from": "21:00:00Z"})
    assert [error["field"] for error in wrong.json()["errors"]] == ["quiet_from"]
    await city.ask("POST", f"{RULES}/limits/shipped", {"version": 1, "reason": "uji"})
    history = (await city.ask("GET", f"{RULES}/limits/history")).json()["items"]
    assert [one["limits"] and one["limits"]["city_opd"] for one in history] == [None, "DISDIK"]


async def test_one_of_those_who_were_told_sees_to_it_and_the_others_read_since_when(city: City) -> None:
    alert = short()
    await city.tell(alert, returned())
    (mine,) = await city.inbox(HEAD)
    assert mine["acknowledge"] == {"needed": True, "at": None}
    assert "by 07.20 WIB" in mine["text"].replace(":", ".")
    async with city.db.transaction() as tx:
        await escalation.step(tx, NOW + dt.timedelta(minutes=10))
    (theirs,) = await city.inbox(OPD_HEAD)
    assert "07.40 WIB" in theirs["text"].replace(":", ".")

    async def acknowledge(one: dict[str, Any], who: UUID) -> httpx.Response:
        path = f"/notifications/v1/me/inbox/{one['notification_id']}/acknowledge"
        return await city.ask("POST", path, role="staff", who=who)

    answers = [await acknowledge(theirs, OPD_HEAD), await acknowledge(mine, HEAD), await acknowledge(mine, HEAD)]
    assert {(one.status_code, dt.datetime.fromisoformat(one.json()["acknowledged_at"])) for one in answers} == {
        (200, NOW)
    }
    for who in (HEAD, OPD_HEAD):
        (one,) = await city.inbox(who)
        assert (one["acknowledge"]["needed"], dt.datetime.fromisoformat(one["acknowledge"]["at"])) == (False, NOW)
        assert "Somebody has been seeing to it" in one["text"]
        assert one["read_at"] is not None
    (other,) = await city.inbox(ADI)
    assert other["acknowledge"] == {"needed": False, "at": None}
    assert (await acknowledge(other, ADI)).status_code == 409
    assert (await acknowledge(mine, ADI)).status_code == 404
