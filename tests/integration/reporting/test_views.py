"""The views over HTTP: shapes, figures, moments, pages, and who may see what."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.access import Role
from tests.kit.reporting import COUNTER, DAY, OPD, OTHER_COUNTER, OTHER_OPD, Running, Staff, at, employee

AS_OF = {"date": DAY.isoformat(), "as_of": "2025-11-06T09:00:00+07:00"}


async def test_the_city_has_the_shape_and_the_figures_of_the_contract(service: Running) -> None:
    async with service.caller("bkpsdm") as client:
        city = (await client.get("/reporting/v1/city", params=AS_OF)).json()
    assert city["date"] == "2025-11-06"
    assert dt.datetime.fromisoformat(city["as_of"]) == at("09:00")
    assert city["employees"] == 6
    assert city["modes"] == {"WFO": 3, "WFH": 1, "DUTY_TRAVEL": 1, "LEAVE": 1, "OFF": 0}
    on_time = city["duties"]["on_time"]
    assert {name: on_time[name] for name in ("met", "not_met", "unknown", "pending", "not_due", "n")} == {
        "met": 1,
        "not_met": 3,
        "unknown": 0,
        "pending": 0,
        "not_due": 2,
        "n": 4,
    }
    assert on_time["rate"] == on_time["low"] == on_time["high"] == 0.25
    assert 0 < on_time["wilson_low"] < 0.25 < on_time["wilson_high"] < 1
    assert city["coverage"] == {"open": 2, "met": 1, "short": 1, "unknown": 0, "closed": 0, "attainment": 0.5}


async def test_date_and_as_of_default_to_now_in_wib(service: Running) -> None:
    service.clock.set(at("23:30"))
    async with service.caller("bkpsdm") as client:
        now = (await client.get("/reporting/v1/city")).json()
        past = (await client.get("/reporting/v1/city", params={"as_of": "2025-11-05T18:00:00Z"})).json()
        unescaped = (await client.get("/reporting/v1/city?as_of=2025-11-06T01:00:00+07:00")).json()
    assert (now["date"], dt.datetime.fromisoformat(now["as_of"])) == ("2025-11-06", at("23:30"))
    assert past["date"] == "2025-11-06"
    assert unescaped == past


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("as_of=2025-11-06T09:00:00", "as_of"),
        ("as_of=1762394400", "as_of"),
        ("as_of=yesterday", "as_of"),
        ("as_of=0001-01-01T00:00:00Z", "as_of"),
        ("date=6-11-2025", "date"),
        ("date=2025-02-30", "date"),
        ("date=9999-12-31", "date"),
    ],
)
async def test_a_malformed_moment_is_refused_by_name(service: Running, query: str, field: str) -> None:
    async with service.caller("bkpsdm") as client:
        for path in ("city", "opds", f"opds/{OPD}/people", "units", f"units/{COUNTER}/timeline"):
            answer = await client.get(f"/reporting/v1/{path}?{query}")
            assert answer.status_code == 422, path
            assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_each_role_sees_what_it_may_and_no_more(service: Running, staff: Staff) -> None:
    city, opds, units = "/reporting/v1/city", "/reporting/v1/opds", "/reporting/v1/units"
    people, foreign = f"{opds}/{OPD}/people", f"{opds}/{OTHER_OPD}/people"
    day = f"/reporting/v1/people/{staff.clerk}/days/{DAY}"
    doors = [city, opds, people, foreign, day, units, f"{units}/{COUNTER}/timeline"]
    expected: dict[tuple[Role, UUID | None, str | None], list[int]] = {
        ("bkpsdm", None, None): [200, 200, 200, 200, 200, 200, 200],
        ("auditor", None, None): [200, 200, 200, 200, 200, 200, 200],
        ("council", None, None): [200, 200, 403, 403, 404, 200, 200],
        ("opd_admin", None, OPD): [403, 200, 200, 403, 200, 200, 200],
        ("opd_admin", None, OTHER_OPD): [403, 200, 403, 200, 404, 200, 200],
        ("opd_admin", None, None): [403, 403, 403, 403, 404, 200, 200],
        ("staff", staff.clerk, None): [403, 403, 403, 403, 200, 200, 200],
        ("staff", staff.late, None): [403, 403, 403, 403, 404, 200, 200],
        ("supervisor", staff.supervisor, None): [403, 403, 403, 403, 200, 200, 200],
        ("staff", staff.acting, None): [403, 403, 403, 403, 200, 200, 200],
        ("supervisor", staff.head, None): [403, 403, 403, 403, 200, 200, 200],
        ("supervisor", staff.elsewhere, None): [403, 403, 403, 403, 404, 200, 200],
        ("ops", None, None): [403, 403, 403, 403, 404, 200, 200],
    }
    for (role, subject, opd), statuses in expected.items():
        async with service.caller(role, subject, opd) as client:
            answers = [(await client.get(door, params={"as_of": AS_OF["as_of"]})).status_code for door in doors]
        assert answers == statuses, (role, opd)
    async with httpx.AsyncClient(base_url=service.url) as nobody:
        answers = [(await nobody.get(door)).status_code for door in (*doors, "/reporting/v1/stream")]
        assert set(answers) == {401}
        wrong = await nobody.get(city, headers={"Authorization": "Bearer not.a.token"})
        assert wrong.status_code == 401


async def test_an_opd_admin_sees_one_opd_in_the_list(service: Running) -> None:
    async with service.caller("opd_admin", opd=OTHER_OPD) as client:
        opds = (await client.get("/reporting/v1/opds", params=AS_OF)).json()
    assert [(opd["opd_code"], opd["opd_name"]) for opd in opds["items"]] == [(OTHER_OPD, "Dinas Kesehatan")]
    assert opds["next"] is None


async def test_pages_of_people_keep_their_moment(service: Running) -> None:
    async with service.caller("bkpsdm") as client:
        path = f"/reporting/v1/opds/{OPD}/people"
        whole = (await client.get(path, params=AS_OF)).json()["items"]
        pages: list[dict[str, Any]] = []
        params: dict[str, Any] = {**AS_OF, "limit": 2}
        while True:
            answer = (await client.get(path, params=params)).json()
            pages += answer["items"]
            if answer["next"] is None:
                break
            params = {"limit": 2, "cursor": answer["next"]}
            service.clock.advance(dt.timedelta(hours=3))
        forged = await client.get(path, params={"cursor": "WzEsMiwzXQ"})
    assert pages == whole
    assert len(whole) == 5
    assert set(whole[0]) == {"employee_id", "mode", "duties"}
    assert forged.status_code == 422


async def test_people_are_found_by_the_beginnings_of_their_name_within_ones_scope(
    service: Running, staff: Staff
) -> None:
    named = employee(staff.clerk, OPD, COUNTER).model_copy(update={"name": "Sri Hartati, S.Kom.", "revision": 2})
    other = employee(staff.elsewhere, OTHER_OPD, OTHER_COUNTER).model_copy(
        update={"name": "Srikandi Hartono", "revision": 2}
    )
    await service.fold(named, other)
    door = "/reporting/v1/people"

    async def found(client: httpx.AsyncClient, **asked: object) -> list[str]:
        answer = await client.get(door, params={str(name): str(value) for name, value in asked.items()})
        assert answer.status_code == 200, answer.text
        return [one["employee_id"] for one in answer.json()["items"]]

    async with service.caller("bkpsdm") as city, service.caller("opd_admin", opd=OPD) as own:
        assert await found(city, q="HART sri") == [str(staff.clerk), str(staff.elsewhere)]
        assert await found(own, q="sri") == [str(staff.clerk)]
        assert await found(city, q="artati") == []
        assert await found(city, q="%_ .*") == []
        assert await found(city) == []
        both = f"{staff.elsewhere},{staff.clerk}"
        assert await found(city, ids=both) == [str(staff.clerk), str(staff.elsewhere)]
        assert await found(own, ids=both) == [str(staff.clerk)]
        [whole] = (await city.get(door, params={"q": "s.kom"})).json()["items"]
        assert (whole["unit_name"], whole["opd_code"]) == ("Loket KTP-el", OPD)
        for wrong in ({"q": "s"}, {"ids": "nobody"}):
            refused = await city.get(door, params=wrong)
            assert [error["field"] for error in refused.json()["errors"]] == list(wrong)


async def test_a_person_day_says_why_in_both_languages(service: Running, staff: Staff) -> None:
    path = f"/reporting/v1/people/{staff.late}/days/{DAY}"
    async with service.caller("staff", staff.late) as client:
        day = (await client.get(path, params={"as_of": AS_OF["as_of"]})).json()
        english = (await client.get(path, headers={"Accept-Language": "en"})).json()
        without_plan = (await client.get(f"/reporting/v1/people/{staff.late}/days/2025-11-09")).json()
        bad = await client.get(f"/reporting/v1/people/{staff.late}/days/yesterday")
    assert (day["mode"], day["rules_version"], day["policy_version"]) == ("WFO", "r1", "p1")
    assert day["duties"]["on_time"]["state"] == "not_met"
    assert day["duties"]["on_time"]["because"]["text"] == "Masuk pukul 07.41.00, lewat batas 07.30.00."
    assert english["duties"]["on_time"]["because"]["text"].startswith("Checked in at 07:41:00, after")
    assert {duty["state"] for duty in without_plan["duties"].values()} == {"not_due"}
    assert bad.status_code == 422


async def test_units_are_listed_in_pages_and_have_a_timeline(service: Running) -> None:
    async with service.caller("staff", uuid4()) as client:
        first = (await client.get("/reporting/v1/units", params={**AS_OF, "limit": 1})).json()
        rest = (await client.get("/reporting/v1/units", params={**AS_OF, "cursor": first["next"]})).json()
        timeline = (await client.get(f"/reporting/v1/units/{COUNTER}/timeline", params=AS_OF)).json()
        unknown = await client.get("/reporting/v1/units/nowhere/timeline")
        nul = await client.get("/reporting/v1/units/a%00b/timeline")
    units = [*first["items"], *rest["items"]]
    assert [(unit["unit_id"], unit["status"]) for unit in units] == [
        ("DINKES-L1", "short"),
        ("DUKCAPIL-L1", "met"),
    ]
    assert timeline["segments"][-1]["status"] == "met"
    assert (unknown.status_code, nul.status_code) == (404, 422)
