"""The directory over time, readiness, hours, policies' conflicts, and what people read."""

import csv
import datetime as dt
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from icalendar import Calendar

from services.scheduling.commands.people import erase_again, in_force
from services.scheduling.store import directory
from shared.access import Principal
from shared.dates import WIB
from tests.conftest import DatabaseFor
from tests.kit.scheduling import SMALL_CITY, STAGE_1, UNITS, Desk, desk, employee_id, employees, nip

THURSDAY = "2025-11-06"


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        await one.clear_outbox()
        yield one


async def next_day(running: Desk, days: int = 1) -> None:
    """What the timer does when the date changes."""
    running.clock.advance(dt.timedelta(days=days))
    async with running.db.transaction() as tx:
        await directory.lock(tx)
        await in_force(tx, running.clock)


async def entries(running: Desk) -> dict[UUID, Any]:
    found = {UUID(key): value for _, key, value in await running.outbox("directory.employee.v1")}
    await running.clear_outbox()
    return found


async def publish(running: Desk, first: str, last: str, **scope: Any) -> dict[str, Any]:
    body = {"from": first, "to": last, "scope": scope or {"all": True}, "publish": True}
    answer = await running.call("POST", "/rosters", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_transfer_takes_effect_on_its_date_and_rosters_know_it_before(running: Desk) -> None:
    body = {
        "kind": "transfer",
        "effective_from": "2025-11-07",
        "unit_id": "JATI-1",
        "supervisor_id": str(employee_id(11)),
    }
    answer = await running.call("POST", f"/employees/{employee_id(2)}/postings", json=body)
    assert answer.status_code == 201, answer.text
    assert await entries(running) == {}
    await publish(running, THURSDAY, "2025-11-07")
    plans = {
        (value["work_date"], value["unit_id"])
        for _, key, value in await running.outbox("schedule.changed.v1")
        if UUID(key) == employee_id(2)
    }
    assert plans == {(THURSDAY, "DISDIK-A"), ("2025-11-07", "JATI-1")}
    await running.clear_outbox()
    await next_day(running)
    assert await entries(running) == {}
    await next_day(running)
    [(who, entry)] = (await entries(running)).items()
    assert (who, entry["unit_id"], entry["opd_code"]) == (employee_id(2), "JATI-1", "4.01")
    assert entry["supervisor_id"] == str(employee_id(11))
    listed = (await running.call("GET", f"/employees/{employee_id(2)}/postings")).json()["items"]
    assert [one["status"] for one in listed] == ["applied"]


async def test_a_departure_frees_the_days_that_follow_and_an_erasure_leaves_a_tombstone(running: Desk) -> None:
    await publish(running, THURSDAY, "2025-11-07")
    await running.clear_outbox()
    early = await running.call("POST", f"/employees/{employee_id(2)}/erase", json={"reason": "permintaan"})
    assert early.status_code == 409
    body = {"kind": "departure", "effective_from": "2025-11-07"}
    assert (await running.call("POST", f"/employees/{employee_id(2)}/postings", json=body)).status_code == 201
    [(_, _, plan)] = await running.outbox("schedule.changed.v1")
    assert (plan["work_date"], plan["mode"], plan["reason"]) == ("2025-11-07", "OFF", "departed")
    assert (await publish(running, THURSDAY, "2025-11-07"))["changed"] == 0
    await running.clear_outbox()
    await next_day(running, 2)
    assert (await entries(running))[employee_id(2)]["active"] is False
    gone = await running.call("POST", f"/employees/{employee_id(2)}/erase", json={"reason": "permintaan"})
    assert gone.status_code == 200
    assert (await running.outbox("directory.employee.v1")) == [
        ("directory.employee.v1", str(employee_id(2)), None)
    ]


async def test_whom_a_restore_brought_back_is_erased_again_though_at_work_and_once(running: Desk) -> None:
    who = Principal(employee_id(1), "bkpsdm", None, 0)
    back = [employee_id(2), uuid4()]
    assert await erase_again(running.db, running.clock, who, back, "dihapus lagi") == [employee_id(2)]
    assert (await running.outbox("directory.employee.v1")) == [
        ("directory.employee.v1", str(employee_id(2)), None)
    ]
    assert await erase_again(running.db, running.clock, who, back, "dihapus lagi") == []


async def test_an_acting_period_begins_and_ends_by_date_and_lends_its_heads(running: Desk) -> None:
    deputy = employee_id(1)
    body = {
        "absent_id": str(employee_id(0)),
        "deputy_id": str(deputy),
        "kind": "PLH",
        "from": THURSDAY,
        "to": THURSDAY,
    }
    assert (await running.call("POST", "/acting", json=body)).status_code == 201
    assert await entries(running) == {}
    overlap = await running.call("POST", "/acting", json={**body, "deputy_id": str(employee_id(2))})
    assert (overlap.status_code, overlap.json()["errors"][0]["field"]) == (409, "from")
    own = await running.call(
        "POST", "/acting", json={**body, "deputy_id": body["absent_id"], "from": "2025-12-01", "to": "2025-12-02"}
    )
    assert own.status_code == 422

    await next_day(running)
    begun = await entries(running)
    assert set(begun) == {employee_id(n) for n in range(1, 6)}
    assert begun[employee_id(2)]["acting_supervisor_id"] == str(deputy)
    assert begun[deputy]["acting_supervisor_id"] is None
    assert begun[deputy]["heads"] == ["DISDIK-A"]

    await next_day(running)
    ended = await entries(running)
    assert set(ended) == set(begun)
    assert ended[employee_id(2)]["acting_supervisor_id"] is None
    assert ended[deputy]["heads"] == []
    assert ended[deputy]["revision"] == begun[deputy]["revision"] + 1


async def test_the_whole_directory_can_be_published_again(running: Desk) -> None:
    answer = await running.call("POST", "/directory/publish")
    assert answer.json() == {"published": 3 + 15 + 1, "withheld": {"count": 0, "items": []}}
    assert {entry["revision"] for entry in (await entries(running)).values()} == {2}


async def test_wrong_postings_are_refused_by_field(running: Desk) -> None:
    path = f"/employees/{employee_id(0)}/postings"
    loop = {"kind": "post", "effective_from": THURSDAY, "supervisor_id": str(employee_id(1))}
    answer = await running.call("POST", path, json=loop)
    assert answer.json()["errors"][0]["field"] == "supervisor_id"
    answer = await running.call(
        "POST", path, json={"kind": "transfer", "effective_from": THURSDAY, "unit_id": "X"}
    )
    assert answer.json()["errors"][0]["field"] == "unit_id"
    backwards = {"kind": "discipline", "effective_from": THURSDAY, "until": "2025-11-01"}
    assert (await running.call("POST", path, json=backwards)).json()["errors"][0]["field"] == "until"
    assert (await running.call("POST", f"/employees/{uuid4()}/postings", json=loop)).status_code == 422


async def test_an_address_that_a_letter_would_read_as_others_is_refused_by_row(running: Desk) -> None:
    header = "nip,name,opd_code,unit_id,employment,timetable,email"
    for email in ('"budi@b.id\nBcc: semua@b.id"', '"budi,ani@b.id"', "<budi@b.id>", '"budi@b.id, ani@b.id"'):
        row = f"{nip(900)},Budi,1.01,DISDIK-A,PNS,five_day,{email}"
        answer = await running.load("employees", f"{header}\n{row}\n")
        assert answer.status_code == 422, email
        assert [(error["row"], error["field"]) for error in answer.json()["errors"]] == [(2, "2.email")]


async def test_skills_come_by_file_and_are_published_of_who_has_some(running: Desk) -> None:
    header = "nip,name,opd_code,unit_id,employment,timetable,skills"

    async def load(skills: str) -> dict[UUID, Any]:
        row = f"{nip(1)},Pegawai 1,1.01,DISDIK-A,PNS,five_day,{skills}"
        answer = await running.load("employees", f"{header}\n{row}\n")
        assert answer.status_code == 200, answer.text
        return await entries(running)

    [(who, entry)] = (await load("KTP-el; akta")).items()
    assert (who, entry["skills"]) == (employee_id(1), ["akta", "ktp-el"])
    shown = (await running.call("GET", "/employees", params={"unit_id": "DISDIK-A"})).json()["items"]
    assert [one["skills"] for one in shown if one["employee_id"] == str(employee_id(1))] == [["akta", "ktp-el"]]
    [cleared] = (await load("")).values()
    assert cleared["skills"] == []


async def test_remote_places_are_published(running: Desk) -> None:
    places = {"places": [{"lat": -6.3, "lon": 107.1, "radius_m": 150}]}
    path = f"/employees/{employee_id(3)}/remote-places"
    assert (await running.call("PUT", path, json=places)).status_code == 200
    assert (await entries(running))[employee_id(3)]["remote_places"] == places["places"]


async def test_readiness_is_scored_dated_and_caps_policies(running: Desk) -> None:
    found = {
        "subject_kind": "opd",
        "subject_id": "1.01",
        "assessed_on": "2025-11-03",
        "remote_tasks": 0.8,
        "digital_service": 1,
        "supervision": 1,
        "connection": 0.6,
        "minimum_staff": 0.9,
        "evidence": {"connection": "survei 3 November"},
    }
    answer = await running.call("POST", "/readiness", json=found)
    assert answer.status_code == 201, answer.text
    # (3 x 0.8 + 2 + 2 + 0.6 + 2 x 0.9) / 10 = 0.88; the connection allows 0.6 x 0.88 = 0.528.
    assert round(answer.json()["score"], 6) == 0.88
    assert answer.json()["recommended_share"] == 0.5
    table = await running.call("GET", "/readiness", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["recommended_share"] for row in rows if row["subject_id"] == "1.01"] == ["0.5"]
    assert len(rows) == 5

    await running.call("POST", "/policies", json=STAGE_1)
    body = {"from": THURSDAY, "to": THURSDAY, "scope": {"unit_ids": ["DISDIK-A"]}}
    assert (await running.call("POST", "/rosters", json=body)).json()["modes"] == {"WFO": 3, "WFH": 3}
    await running.call("PUT", "/readiness/weights", json={"least_score": 0.9})
    await running.call("POST", "/readiness", json={**found, "subject_kind": "unit", "subject_id": "DISDIK-A"})
    assert (await running.call("POST", "/rosters", json=body)).json()["modes"] == {"WFO": 6}
    wrong = await running.call("POST", "/readiness", json={**found, "remote_tasks": 1.2})
    assert wrong.json()["errors"][0]["field"] == "remote_tasks"


async def test_ramadan_hours_reach_plans_and_references_are_valid(running: Desk) -> None:
    references = (await running.call("GET", "/hours/references")).json()["items"]
    for one in references:
        assert (await running.call("POST", "/hours", json=one["hours"])).status_code == 201
    await publish(running, "2026-02-19", "2026-02-20", unit_ids=["DISDIK-A"])
    plans = [value for _, _, value in await running.outbox("schedule.changed.v1")]
    ends = {dt.datetime.fromisoformat(one["ends_at"]).astimezone(WIB).strftime("%a %H:%M") for one in plans}
    assert ends == {"Thu 15:00", "Fri 15:30"}
    past = {**references[0]["hours"], "from": "2025-11-01"}
    assert (await running.call("POST", "/hours", json=past)).json()["errors"][0]["field"] == "from"


async def test_reference_policies_are_valid_and_conflicts_are_shown_before_publishing(running: Desk) -> None:
    references = (await running.call("GET", "/policies/references")).json()["items"]
    assert [one["policy"]["policy_id"] for one in references] == [
        "jabar-stage-1",
        "jabar-stage-2",
        "national-2026",
    ]
    for one in references:
        assert (await running.call("POST", "/policies", json=one["policy"])).status_code == 201
    friday = {
        "policy_id": "disdik-friday",
        "effective_from": "2026-05-01",
        "scope": {"opd_codes": ["1.01"]},
        "kind": "weekday",
        "parameters": {"weekdays": [4]},
    }
    answer = await running.call("POST", "/policies", json=friday, params={"dry_run": True})
    assert answer.status_code == 200
    assert {(one["policy_version"], one["winner"], one["because"]) for one in answer.json()["conflicts"]} == {
        ("jabar-stage-2/1", "disdik-friday/1", "later_start"),
        ("national-2026/1", "disdik-friday/1", "later_start"),
    }
    assert len((await running.call("GET", "/policies")).json()["items"]) == 3
    assert (await running.call("POST", "/policies/national-2026/withdraw")).json()["withdrawn"] is True


async def test_a_calendar_feed_has_stable_ids_growing_sequence_and_a_revocable_token(running: Desk) -> None:
    me = employee_id(1)
    await running.call("POST", "/policies", json=STAGE_1)
    await publish(running, THURSDAY, "2025-11-07")
    opened = await running.call("POST", "/me/calendar", role="staff", subject=me)
    url = opened.json()["url"]

    async def events() -> dict[str, Any]:
        answer = await running.client.get(url)
        assert answer.headers["content-type"].startswith("text/calendar")
        return {str(event["uid"]): event for event in Calendar.from_ical(answer.content).events}

    first = await events()
    uid = f"{me}-{THURSDAY}@hadir"
    assert str(first[uid]["summary"]) == "Bekerja dari rumah (WFH)"
    assert first[uid]["dtstart"].dt == dt.datetime(2025, 11, 6, 7, 30, tzinfo=WIB)
    assert first[uid]["sequence"] == 0
    leave = {"employee_id": str(me), "category": "leave", "kind": "annual", "from": THURSDAY, "to": THURSDAY}
    assert (await running.call("POST", "/absences", json=leave)).status_code == 200
    second = await events()
    assert set(second) == set(first)
    assert (second[uid]["sequence"], str(second[uid]["summary"])) == (1, "Cuti atau izin")

    renewed = await running.call("POST", "/me/calendar", role="staff", subject=me)
    assert (await running.client.get(url)).status_code == 401
    assert (await running.client.get(renewed.json()["url"])).status_code == 200
    assert (await running.call("DELETE", "/me/calendar", role="staff", subject=me)).status_code == 204
    assert (await running.client.get(renewed.json()["url"])).status_code == 401


async def test_a_calendar_feed_stays_the_same_bytes_and_cancels_only_what_it_has_shown(running: Desk) -> None:
    me = employee_id(1)
    await publish(running, THURSDAY, "2025-11-12")
    url = (await running.call("POST", "/me/calendar", role="staff", subject=me)).json()["url"]
    first = await running.client.get(url)
    [calendar] = Calendar.from_ical(first.content, multiple=True)
    events: list[Any] = calendar.events
    work_days = {THURSDAY, "2025-11-07", "2025-11-10", "2025-11-11", "2025-11-12"}
    assert {str(one["uid"]) for one in events} == {f"{me}-{day}@hadir" for day in work_days}
    published = running.clock.now().astimezone(dt.UTC)
    assert {event.DTSTAMP for event in events} == {event["last-modified"].dt for event in events} == {published}

    running.clock.advance(dt.timedelta(minutes=40))
    second = await running.client.get(url)
    assert second.content == first.content
    tag, since = first.headers["etag"], first.headers["last-modified"]
    assert (second.headers["etag"], second.headers["last-modified"]) == (tag, since)
    for known in (
        {"if-none-match": tag},
        {"if-none-match": f'"other", W/{tag}'},
        {"if-none-match": "*"},
        {"if-modified-since": since},
    ):
        answer = await running.client.get(url, headers=known)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for unknown in (
        {"if-none-match": '"other"', "if-modified-since": since},
        {"if-modified-since": "yesterday"},
        {"if-modified-since": "Wed, 05 Nov 2025 12:59:59 GMT"},
    ):
        assert (await running.client.get(url, headers=unknown)).status_code == 200
    head = await running.client.head(url)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert head.headers["content-length"] == str(len(first.content))

    holiday = "date,kind,name\n2025-11-07,national,Libur\n"
    assert (await running.load("holidays", holiday)).status_code == 200
    await publish(running, THURSDAY, "2025-11-12")
    third = await running.client.get(url, headers={"if-none-match": tag, "if-modified-since": since})
    assert third.status_code == 200
    [calendar] = Calendar.from_ical(third.content, multiple=True)
    changed = {str(one["uid"]): one for one in calendar.events if one["sequence"] == 1}
    assert {uid: str(one["status"]) for uid, one in changed.items()} == {f"{me}-2025-11-07@hadir": "CANCELLED"}
    assert len(calendar.events) == len(work_days)


async def test_a_feed_is_for_people_of_the_directory_alone(running: Desk) -> None:
    stranger = await running.call("POST", "/me/calendar", role="staff", subject=uuid4())
    assert (stranger.status_code, stranger.json()["type"]) == (404, "urn:hadir:problem:directory.unknown")


async def test_a_refused_method_is_told_what_its_path_allows(running: Desk) -> None:
    for path, allowed in (
        ("/me/calendar", "DELETE, POST"),
        ("/me/calendar.ics", "GET, HEAD"),
        ("/me/wishes/2025-11-06", "DELETE, PUT"),
        ("/policies", "GET, HEAD, POST"),
        (f"/employees/{employee_id(1)}/postings", "GET, HEAD, POST"),
    ):
        answer = await running.call("PATCH", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), path


async def test_teams_units_the_wfh_list_and_the_export_agree(running: Desk) -> None:
    await running.call("POST", "/policies", json=STAGE_1)
    await publish(running, THURSDAY, THURSDAY)
    span = {"from": THURSDAY, "to": THURSDAY}
    team = await running.call("GET", "/me/team/plans", role="supervisor", subject=employee_id(0), params=span)
    assert {UUID(one["employee_id"]) for one in team.json()["items"]} == {employee_id(n) for n in range(1, 6)}
    unit = await running.call("GET", "/units/DISDIK-B/plans", params=span)
    assert len(unit.json()["items"]) == 5
    other = await running.call("GET", "/units/DISDIK-B/plans", role="opd_admin", opd="4.01", params=span)
    assert other.status_code == 403
    home = await running.call("GET", "/opds/1.01/wfh", params={"date": THURSDAY})
    table = await running.call("GET", "/opds/1.01/wfh", params={"date": THURSDAY, "format": "csv"})
    exported = await running.call("GET", "/plans.csv", params=span)
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    at_home = {row["employee_id"] for row in rows if row["mode"] == "WFH"}
    assert len(rows) == 15
    assert {one["employee_id"] for one in home.json()["items"]} == at_home
    assert {row["employee_id"] for row in csv.DictReader(io.StringIO(table.text))} == at_home
    assert len(at_home) == 8


async def test_an_import_that_ends_an_employment_frees_the_coming_days(running: Desk) -> None:
    await publish(running, THURSDAY, THURSDAY)
    await running.clear_outbox()
    header, *lines = employees(SMALL_CITY).splitlines()
    rows = [f"{line},{'false' if number == 14 else 'true'}" for number, line in enumerate(lines)]
    assert (await running.load("employees", "\n".join([f"{header},active", *rows]))).json()["changed"] == 1
    [(_, key, plan)] = await running.outbox("schedule.changed.v1")
    assert (UUID(key), plan["mode"], plan["reason"]) == (employee_id(14), "OFF", "departed")


async def test_a_unit_with_people_does_not_move_to_another_opd(running: Desk) -> None:
    answer = await running.load("units", UNITS.replace("DISDIK-A,1.01", "DISDIK-A,4.01"))
    assert [(one["row"], one["column"]) for one in answer.json()["errors"]] == [(2, "opd_code")]
