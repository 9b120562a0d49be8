"""The doors of the reporting service, over HTTP, on real servers."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from shared.database import Database
from tests.integration import reporting_city as small
from tests.integration.reporting_city import COUNTER, DAY, OPD, OTHER_OPD, Running, Staff, at

DatabaseFor = Callable[[str], Awaitable[Database]]

AS_OF = {"date": DAY.isoformat(), "as_of": "2025-11-06T09:00:00+07:00"}
ITEMS = [
    {"item_id": "a", "task": "Cetak KTP-el", "quantity": 30, "unit": "keping", "norm_minutes": 5},
    {"item_id": "b", "task": "Legalisasi", "quantity": 4.5, "unit": "berkas"},
]


@pytest.fixture
def staff() -> Staff:
    return Staff.new()


@pytest_asyncio.fixture
async def service(kafka: str, database_for: DatabaseFor, tmp_path: Path, staff: Staff) -> AsyncIterator[Running]:
    db = await database_for("reporting")
    async with small.running(kafka, db, tmp_path, at("09:00")) as running:
        await running.fold(*small.city(staff))
        yield running


async def put(client: httpx.AsyncClient, items: Any = ITEMS, date: Any = DAY) -> httpx.Response:
    return await client.put(f"/reporting/v1/me/reports/{date}", json={"items": items})


async def outbox(db: Database) -> list[tuple[str, str, dict[str, Any]]]:
    async with db.read() as tx:
        rows = await tx.connection.fetch("select topic, key, value from outbox order by id")
    return [(row["topic"], row["key"].decode(), json.loads(row["value"])) for row in rows]


# --- Reports ----------------------------------------------------------------------------------------------


async def test_a_report_is_created_once_revised_after_and_repeated_without_effect(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        first = await put(clerk)
        again = await put(clerk)
        revised = await put(clerk, [*ITEMS, {"task": "Arsip", "quantity": 0, "unit": "map"}])
        kept = await clerk.get(f"/reporting/v1/me/reports/{DAY}")
    assert (first.status_code, again.status_code, revised.status_code) == (201, 200, 200)
    assert [answer.json()["revision"] for answer in (first, again, revised, kept)] == [1, 1, 2, 2]
    assert len({answer.json()["report_id"] for answer in (first, again, revised, kept)}) == 1
    assert again.json() == first.json()
    assert [item["item_id"] for item in kept.json()["items"]] == ["a", "b", "3"]


async def test_concurrent_first_reports_make_one_report_and_one_revision_for_each_content(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        answers = await asyncio.gather(
            *(put(clerk, [{"task": "x", "quantity": n % 4, "unit": "u"}]) for n in range(12))
        )
        last = (await clerk.get(f"/reporting/v1/me/reports/{DAY}")).json()["revision"]
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    revisions = {answer.json()["revision"] for answer in answers}
    assert revisions == set(range(1, last + 1))


async def test_an_empty_report_is_a_report(service: Running, staff: Staff) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        assert (await put(clerk, [])).status_code == 201


async def test_a_report_is_refused_with_the_field_that_is_wrong(service: Running, staff: Staff) -> None:
    item = {"task": "x", "quantity": 1, "unit": "u"}
    wrong = {
        "items.0.quantity": [{**item, "quantity": -1}],
        "items.0.task": [{**item, "task": " "}],
        "items.0.unit": [{"task": "x", "quantity": 1}],
        "items.0.evidence_count": [{**item, "evidence_count": 1.5}],
        "items.0.norm_minutes": [{**item, "norm_minutes": "5"}],
        "items.1.item_id": [{**item, "item_id": "a"}, {**item, "item_id": "a"}],
        "items": [item] * 201,
    }
    async with service.caller("staff", staff.clerk) as clerk:
        for field, items in wrong.items():
            answer = await put(clerk, items)
            assert answer.status_code == 422, (field, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert [error["field"] for error in answer.json()["errors"]] == [field]
        for date, code in (("2025-11-08", "terlalu"), ("2025-10-01", "ditutup"), ("6-11-2025", "")):
            answer = await put(clerk, date=date)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "work_date"
            assert code in answer.text or code == "terlalu"
        assert (await put(clerk, date="2025-11-07")).status_code == 201
        assert (await put(clerk, date="2025-10-02")).status_code == 201
        nul = await put(clerk, [{**item, "task": "a\u0000b"}])
        assert nul.status_code == 422
        raw = await clerk.put(
            f"/reporting/v1/me/reports/{DAY}",
            content=b'{"items": [{"task": "x", "quantity": NaN, "unit": "u"}]}',
            headers={"content-type": "application/json"},
        )
        assert raw.status_code == 422


async def test_someone_unknown_to_directory_and_plans_is_told_to_try_again(service: Running) -> None:
    async with service.caller("staff", uuid4()) as stranger:
        answer = await put(stranger)
    assert answer.status_code == 409
    assert answer.headers["retry-after"]


# --- Reviews ----------------------------------------------------------------------------------------------


async def review(client: httpx.AsyncClient, report_id: str, **body: Any) -> httpx.Response:
    body = {"revision": 1, "decision": "accepted", **body}
    return await client.post(f"/reporting/v1/reports/{report_id}/reviews", json=body)


async def test_an_accepted_report_cannot_be_revised_until_it_is_returned(service: Running, staff: Staff) -> None:
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
    ):
        report_id = (await put(clerk)).json()["report_id"]
        accepted = await review(boss, report_id)
        again = await review(boss, report_id)
        refused = await put(clerk, [])
        same = await put(clerk)
        returned = await review(boss, report_id, decision="returned", note="Lampirkan bukti")
        revised = await put(clerk, [])
        outdated = await review(boss, report_id)
    assert (accepted.status_code, again.status_code) == (201, 200)
    assert accepted.json()["items"] == [
        {"item_id": "a", "accepted_quantity": 30.0},
        {"item_id": "b", "accepted_quantity": 4.5},
    ]
    assert again.json() == accepted.json()
    assert (refused.status_code, same.status_code) == (409, 409)
    assert returned.json()["revision"] == accepted.json()["revision"] + 1
    assert (revised.status_code, revised.json()["revision"]) == (200, 2)
    assert (outdated.status_code, outdated.json()["revision"]) == (409, 2)


async def test_only_supervisor_and_acting_deputy_review_and_never_themselves(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        report_id = (await put(clerk)).json()["report_id"]
        own = await review(clerk, report_id)
    async with service.caller("supervisor", staff.supervisor) as boss:
        mine = (await put(boss)).json()["report_id"]
        assert (await review(boss, mine)).status_code == 403
        assert (await review(boss, str(uuid4()))).status_code == 404
    strangers: list[UUID] = [staff.head, staff.late, staff.elsewhere]
    answers = []
    for stranger in strangers:
        async with service.caller("supervisor", stranger) as client:
            answers.append((await review(client, report_id)).status_code)
    async with service.caller("council") as council:
        assert (await review(council, report_id)).status_code == 403
    async with service.caller("staff", staff.acting) as acting:
        deputy = await review(acting, report_id, decision="returned")
    assert own.status_code == 403
    assert answers == [404, 404, 404]
    assert deputy.status_code == 201


async def test_accepted_quantities_lie_between_zero_and_what_was_reported(service: Running, staff: Staff) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        report_id = (await put(clerk)).json()["report_id"]
    wrong = {
        "items.0.accepted_quantity": [("a", 30.5), ("b", 1)],
        "items.1.accepted_quantity": [("a", 30), ("b", -1)],
        "items.1.item_id": [("a", 1), ("zz", 1), ("b", 1)],
        "items": [("a", 1)],
    }
    async with service.caller("supervisor", staff.supervisor) as boss:
        for field, items in wrong.items():
            named = [{"item_id": item_id, "accepted_quantity": quantity} for item_id, quantity in items]
            answer = await review(boss, report_id, items=named)
            assert answer.status_code == 422, field
            assert [error["field"] for error in answer.json()["errors"]] == [field]
        good = [{"item_id": "b", "accepted_quantity": 0}, {"item_id": "a", "accepted_quantity": 12}]
        answer = await review(boss, report_id, items=good)
    assert answer.status_code == 201
    assert answer.json()["items"][0] == {"item_id": "a", "accepted_quantity": 12.0}


async def test_the_team_list_holds_what_waits_and_pages_oldest_first(service: Running, staff: Staff) -> None:
    for who in (staff.clerk, staff.late):
        async with service.caller("staff", who) as client:
            for date in ("2025-11-05", "2025-11-06"):
                await put(client, date=date)
    async with service.caller("supervisor", staff.supervisor) as boss:
        first = (await boss.get("/reporting/v1/reports", params={"limit": 3})).json()
        rest = (await boss.get("/reporting/v1/reports", params={"limit": 3, "cursor": first["next"]})).json()
        await review(boss, first["items"][0]["report_id"])
        waiting = (await boss.get("/reporting/v1/reports?status=waiting")).json()["items"]
        accepted = (await boss.get("/reporting/v1/reports?status=accepted")).json()["items"]
        forged = await boss.get("/reporting/v1/reports?cursor=bm9wZQ")
    listed = [(item["work_date"], item["report_id"]) for item in (*first["items"], *rest["items"])]
    assert len(listed) == 4
    assert listed == sorted(listed)
    assert rest["next"] is None
    assert first["items"][0]["name"].startswith("Pegawai")
    assert (len(waiting), len(accepted)) == (3, 1)
    assert forged.status_code == 422


async def test_reports_and_reviews_reach_kafka_and_come_back_as_facts(service: Running, staff: Staff) -> None:
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("supervisor", staff.supervisor) as boss,
    ):
        report_id = (await put(clerk)).json()["report_id"]
        await review(boss, report_id)
        path = f"/reporting/v1/people/{staff.clerk}/days/{DAY}"

        async def output() -> dict[str, Any]:
            return (await boss.get(path)).json()["duties"]["output"]

        async with asyncio.timeout(30):
            while (await output())["state"] != "met":
                await asyncio.sleep(0.05)
        judged = await output()
    assert judged["because"]["code"] == "output.accepted"
    assert len(judged["event_ids"]) == 3


# --- Views and who may see them -----------------------------------------------------------------------------


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
    expected = {
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


async def test_a_person_day_says_why_in_both_languages(service: Running, staff: Staff) -> None:
    path = f"/reporting/v1/people/{staff.late}/days/{DAY}"
    async with service.caller("staff", staff.late) as client:
        day = (await client.get(path, params={"as_of": AS_OF["as_of"]})).json()
        english = (await client.get(path, headers={"Accept-Language": "en"})).json()
        without_plan = (await client.get(f"/reporting/v1/people/{staff.late}/days/2025-11-09")).json()
        bad = await client.get(f"/reporting/v1/people/{staff.late}/days/yesterday")
    assert (day["mode"], day["rules_version"], day["policy_version"]) == ("WFO", "r1", "p1")
    assert day["duties"]["on_time"]["state"] == "not_met"
    assert day["duties"]["on_time"]["because"]["text"] == "Masuk pukul 07:41:00, lewat batas 07:30:00."
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


# --- Stream -------------------------------------------------------------------------------------------------


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


async def test_the_stream_opens_with_every_view_and_follows_a_new_fact(service: Running, staff: Staff) -> None:
    seen: list[str] = []
    async with (
        asyncio.timeout(30),
        service.caller("bkpsdm") as client,
        client.stream("GET", "/reporting/v1/stream") as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        told = events(response)
        async for name, view in told:
            seen.append(name)
            if name == "units":
                assert {unit["status"] for unit in view["items"]} == {"met", "short"}
                break
        arrival = small.check_in(staff.elsewhere, "08:30", OTHER_OPD, small.OTHER_COUNTER)
        await service.fold(arrival)
        async for name, view in told:
            if name == "city" and view["coverage"]["short"] == 0:
                break
    assert seen == ["city", "opds", "units"]


async def test_the_stream_is_narrowed_to_the_role(service: Running, staff: Staff) -> None:
    for role, subject, opd, expected in (
        ("council", None, None, ["city", "opds", "units"]),
        ("opd_admin", None, OPD, ["opds", "units"]),
        ("staff", staff.clerk, None, ["units"]),
    ):
        async with (
            asyncio.timeout(30),
            service.caller(role, subject, opd) as client,
            client.stream("GET", "/reporting/v1/stream") as response,
        ):
            told = events(response)
            names = []
            async for name, view in told:
                names.append(name)
                if name == "opds" and opd:
                    assert [item["opd_code"] for item in view["items"]] == [OPD]
                if name == "units":
                    break
            assert names == expected


async def test_streams_end_when_the_service_stops(service: Running) -> None:
    async with (
        asyncio.timeout(30),
        service.caller("bkpsdm") as client,
        client.stream("GET", "/reporting/v1/stream") as response,
    ):
        told = events(response)
        await anext(told)
        service.app.state.service.stopping.set()
        left = [name async for name, _ in told]
    assert "city" not in left


# --- Session ------------------------------------------------------------------------------------------------


async def test_a_sign_in_link_swaps_the_token_for_a_strict_cookie(service: Running) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        welcome = await browser.get("/reporting/")
        assert "hadir token --role bkpsdm" in welcome.text
        bad = await browser.get("/reporting/login?token=nonsense")
        assert bad.status_code == 401
        assert "set-cookie" not in bad.headers
        good = await browser.get("/reporting/login", params={"token": service.token("council")})
        cookie = good.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "path=/" in cookie
        assert "secure" not in cookie
        assert (await browser.get("/reporting/v1/city")).status_code == 200
        page = await browser.get("/reporting/")
        assert "Siapa bekerja di mana" in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "style=" not in page.text
        english = await browser.get("/reporting/", headers={"Accept-Language": "en-GB"})
        assert "Who works where" in english.text
        out = await browser.post("/reporting/logout")
        assert out.status_code == 303
        assert (await browser.get("/reporting/v1/city")).status_code == 401
