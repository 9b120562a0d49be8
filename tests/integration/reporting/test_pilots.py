"""Pilots over HTTP, on real servers: fixed before they start, and judged by the facts."""

import datetime as dt
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import rfc8785

from shared.database import Database
from tests.kit import piloting
from tests.kit import reporting as city
from tests.kit.kafka import reading
from tests.kit.piloting import CONTROL, FEW, OPDS, TREATED, WORSE, protocol
from tests.kit.reporting import Running, at

PILOTS = "/reporting/v1/pilots"
REGISTERED = at("08:00", dt.date(2025, 11, 3))
OVER = at("08:00", dt.date(2025, 11, 24))


@pytest_asyncio.fixture
async def service(
    kafka: str, database_for: Callable[[str], Awaitable[Database]], tmp_path: Path
) -> AsyncIterator[Running]:
    """Twelve OPDs with a past, a week before the first trial; of the rest of November all is known already."""
    db = await database_for("reporting")
    async with city.running(kafka, db, tmp_path, REGISTERED) as running:
        await running.fold(*piloting.city(FEW), *piloting.history(FEW))
        yield running


def hash_of(sent: dict[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(sent)).hexdigest()


async def test_a_pilot_is_fixed_published_and_changed_in_the_open(service: Running, kafka: str) -> None:
    sent = protocol()
    officer = uuid4()
    async with (
        service.caller("bkpsdm", officer) as bkpsdm,
        service.caller("council") as council,
        service.caller("bkpsdm") as office,
    ):
        first = await bkpsdm.post(PILOTS, json=sent)
        same = await bkpsdm.post(PILOTS, json=sent)
        nobody = await office.post(PILOTS, json=sent)
        behind = await bkpsdm.post(PILOTS, params={"revision": 2}, json={**sent, "margin": 0.09})
        better = await bkpsdm.post(PILOTS, params={"revision": 1}, json={**sent, "margin": 0.09})
        service.clock.set(at("00:00", piloting.TRIAL[0]))
        late = await bkpsdm.post(PILOTS, json={**sent, "margin": 0.3})
        again = await bkpsdm.post(PILOTS, json={**sent, "margin": 0.3})
        newest = (await council.get(f"{PILOTS}/{sent['pilot_id']}")).json()
        old = (await council.get(f"{PILOTS}/{sent['pilot_id']}", params={"revision": 1})).json()
        none = await council.get(f"{PILOTS}/{sent['pilot_id']}", params={"revision": 9})
        listed = (await council.get(PILOTS, params={"limit": 1})).json()
        audit = (await bkpsdm.get("/reporting/v1/audit", params={"action": "pilot"})).json()["items"]
        verdict = (await council.get(f"{PILOTS}/{sent['pilot_id']}/verdict")).json()
        of_old = (await council.get(f"{PILOTS}/{sent['pilot_id']}/verdict", params={"revision": 1})).json()
    assert [first.status_code, same.status_code, better.status_code, late.status_code] == [201, 200, 201, 201]
    assert (nobody.status_code, behind.status_code, none.status_code, again.status_code) == (403, 409, 404, 200)
    assert {name: first.json()[name] for name in sent} == sent
    assert first.json()["protocol_sha256"] == hash_of(sent)
    assert first.json()["warnings"] == []
    assert [(one["revision"], one["amended_after_start"]) for one in newest["revisions"]] == [
        (1, False),
        (2, False),
        (3, True),
    ]
    assert (newest["margin"], old["margin"], newest["amended_after_start"]) == (0.3, 0.1, True)
    assert [one["protocol_sha256"] for one in newest["revisions"]] == [
        hash_of({**sent, "margin": margin}) for margin in (0.1, 0.09, 0.3)
    ]
    assert [item["pilot_id"] for item in listed["items"]] == [sent["pilot_id"]]
    assert [row["action"] for row in audit] == ["pilot.amended", "pilot.amended", "pilot.registered"]
    assert {row["officer"] for row in audit} == {str(officer)}
    assert (verdict["revision"], verdict["amended_after_start"]) == (3, True)
    assert (of_old["revision"], of_old["amended_after_start"], of_old["margin"]) == (1, False, 0.1)
    async with reading(kafka, "pilot.registered.v1") as tail:
        key = sent["pilot_id"].encode()
        await tail.until(lambda: sum(record.key == key for record in tail.records) == 3)
        told = [json.loads(record.value or b"") for record in tail.records if record.key == key]
    assert [(one["revision"], one["amended_after_start"]) for one in told] == [(1, False), (2, False), (3, True)]
    for one in told:
        assert one["protocol_sha256"] == hash_of({name: one[name] for name in sent})
        assert str(officer) not in json.dumps(one)


async def test_what_makes_no_pilot_is_refused_by_field_and_nothing_is_kept(service: Running) -> None:
    wrong: dict[str, tuple[dict[str, Any], set[str]]] = {
        "overlap": ({"control": [TREATED[0], *CONTROL]}, {"control"}),
        "no control": ({"control": []}, {"control"}),
        "margin 0": ({"margin": 0}, {"margin"}),
        "margin below": ({"margin": -0.1}, {"margin"}),
        "after its start": ({"trial": {"from": "2025-11-03", "to": "2025-11-20"}}, {"trial.from"}),
        "reversed": ({"trial": {"from": "2025-11-20", "to": "2025-11-19"}}, {"trial.to"}),
        "overlapping": ({"baseline": {"from": "2025-10-06", "to": "2025-11-10"}}, {"baseline.to"}),
        "unknown OPD": ({"control": [*CONTROL, "mars"]}, {"control.6"}),
        "unknown metric": ({"metric": "mood"}, {"metric"}),
        "minutes": ({"available_minutes": 1441}, {"available_minutes"}),
        "a person": ({"question": "Mengapa 198704122010121003 terlambat?"}, {"question"}),
        "a misspelt field": ({"margn": 1}, {"margn"}),
        "many at once": ({"control": [], "margin": 0.1, "treated": ["mars"]}, {"control", "treated.0"}),
    }
    async with service.caller("bkpsdm", uuid4()) as bkpsdm:
        bodies = {name: protocol(**changed) for name, (changed, _) in wrong.items()}
        answers = {name: await bkpsdm.post(PILOTS, json=body) for name, body in bodies.items()}
        begun = await bkpsdm.post(f"{PILOTS}/power", json=bodies.pop("after its start"))
        drafts = {name: await bkpsdm.post(f"{PILOTS}/power", json=body) for name, body in bodies.items()}
        kept = (await bkpsdm.get(PILOTS)).json()["items"]
    for name, answer in [*answers.items(), *drafts.items()]:
        assert answer.status_code == 422, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert {error["field"] for error in answer.json()["errors"]} == wrong[name][1], name
    assert begun.status_code == 200  # a draft starts nothing
    assert kept == []


async def test_a_verdict_follows_from_the_facts(service: Running) -> None:
    even, worse = protocol(), protocol(trial={"from": str(WORSE[0]), "to": str(WORSE[1])})
    weighted = protocol(count_by="people", trial=worse["trial"])
    small = protocol(treated=TREATED[:4], trial=worse["trial"])
    async with service.caller("bkpsdm", uuid4()) as bkpsdm, service.caller("council") as council:
        for sent in (even, worse, weighted, small):
            assert (await bkpsdm.post(PILOTS, json=sent)).status_code == 201
        paths = {name: f"{PILOTS}/{sent['pilot_id']}/verdict" for name, sent in
                 {"even": even, "worse": worse, "weighted": weighted, "small": small}.items()}  # fmt: skip
        before = early = (await council.get(paths["even"])).json()
        service.clock.set(at("18:00", piloting.TRIAL[1]))
        during = (await council.get(paths["even"])).json()
        service.clock.set(OVER)
        told = {name: (await bkpsdm.get(path)).json() for name, path in paths.items()}
        twice = (await bkpsdm.get(paths["even"])).json()
        then = (await bkpsdm.get(paths["even"], params={"as_of": "2025-11-14T18:00:00+07:00"})).json()
        seen = (await council.get(paths["worse"])).json()
        ahead = await council.get(paths["worse"], params={"as_of": "2025-12-24T18:00:00+07:00"})
        missing = await council.get(f"{PILOTS}/nobody/verdict")
    assert (before["verdict"], before["because"], before["estimate"]) == ("cannot_tell_yet", ["not_over"], None)
    assert (during["verdict"], during["because"]) == ("cannot_tell_yet", ["not_over"])
    assert during["estimate"] is not None
    assert {name: (one["verdict"], one["because"]) for name, one in told.items()} == {
        "even": ("within_margin", ["lower_above_margin"]),
        "worse": ("worse_than_margin", ["upper_below_margin"]),
        "weighted": ("worse_than_margin", ["upper_below_margin"]),
        "small": ("cannot_tell_yet", ["small_arm", "one_opd_weighs_too_much"]),
    }
    # By hand: in one OPD of each arm one of eight is late once more in five dates; then two of eight every day.
    assert told["even"]["estimate"] == pytest.approx(0, abs=1e-12)
    rows = {one["opd_code"]: one for one in told["even"]["opds"]}
    assert (rows[OPDS[1]]["baseline"], rows[OPDS[1]]["trial"], rows[OPDS[1]]["weight"]) == (7 / 8, 7 / 8, 1)
    assert (rows[OPDS[0]]["baseline"], rows[OPDS[0]]["trial"]) == (1, 39 / 40)
    assert told["worse"]["estimate"] == pytest.approx(-2 / 8)
    assert {one["opd_code"]: one["weight"] for one in told["weighted"]["opds"]} == FEW
    assert told["even"]["level"] == 0.95
    assert told["even"]["lower"] < told["even"]["estimate"] < told["even"]["upper"]
    assert twice == {**told["even"], "as_of": twice["as_of"]}
    assert {**then, "opds": during["opds"]} == {**during, "as_of": then["as_of"]}
    # One OPD has four people, and the others would tell of it: the council is shown the difference alone.
    assert {one[name] for one in seen["opds"] for name in ("weight", "baseline", "trial", "trial_low", "d")} == {
        None
    }
    assert {one["d"] for one in early["opds"]} == {one["baseline"] for one in early["opds"]} == {None}
    assert seen["estimate"] == told["worse"]["estimate"]
    assert (ahead.status_code, missing.status_code) == (422, 404)


async def test_what_a_pilot_could_tell_is_known_before_it_starts(service: Running) -> None:
    sent = protocol()
    unborn = protocol(baseline={"from": "2025-11-04", "to": "2025-11-07"})
    async with service.caller("bkpsdm", uuid4()) as bkpsdm, service.caller("council") as council:
        draft = (await bkpsdm.post(f"{PILOTS}/power", json=sent)).json()
        nothing_kept = (await bkpsdm.get(PILOTS)).json()["items"]
        await bkpsdm.post(PILOTS, json=sent)
        told = (await council.get(f"{PILOTS}/{sent['pilot_id']}/power")).json()
        begun = {"as_of": "2025-10-06T01:00:00Z"}
        early = (await council.get(f"{PILOTS}/{sent['pilot_id']}/power", params=begun)).json()
        small = (await bkpsdm.post(f"{PILOTS}/power", json=protocol(treated=TREATED[:4]))).json()
        newest = (await bkpsdm.post(f"{PILOTS}/power", json=unborn)).json()
        counters = (await bkpsdm.post(f"{PILOTS}/power", json=protocol(metric="coverage_attainment"))).json()
    assert nothing_kept == []
    assert {**told, "as_of": draft["as_of"]} == draft
    assert (draft["from"], draft["to"]) == ("2025-10-06", "2025-10-17")
    assert (draft["block_days"], draft["blocks"]) == (1, 12)  # of less than four weeks each date is a block
    assert (draft["never"], draft["chance"]) == ([], 1.0)
    assert 0 <= draft["margin_50"] <= draft["margin_80"] < 0.1
    assert (early["chance"], early["from"], early["facts_digest"]) == (None, None, None)
    assert "too_little_past" in early["never"]
    assert small["never"] == ["small_arm", "one_opd_weighs_too_much"]
    assert small["chance"] == 0
    assert newest["from"] == "2025-10-06"  # of a baseline that is still to come nothing is known
    assert counters["never"] == ["small_arm", "opd_without_figure", "too_little_past"]
    assert counters["chance"] is None


async def test_an_officer_is_warned_of_a_control_that_another_pilot_treats(service: Running) -> None:
    first = protocol()
    second = protocol(treated=CONTROL[:3], control=[*TREATED, *CONTROL[3:]], baseline=None)
    async with service.caller("bkpsdm", uuid4()) as bkpsdm:
        await bkpsdm.post(PILOTS, json=first)
        made = (await bkpsdm.post(PILOTS, json=second)).json()
        looked = (await bkpsdm.get(f"{PILOTS}/{first['pilot_id']}")).json()
        later = {"from": "2026-01-05", "to": "2026-01-30"}
        apart = (await bkpsdm.post(PILOTS, json={**second, "trial": later})).json()
    assert [one["code"] for one in made["warnings"]] == ["small_arm", "control_treated_elsewhere"]
    assert made["warnings"][1]["params"] == {"opd_codes": ", ".join(TREATED)}
    assert looked["warnings"][0]["params"] == {"opd_codes": ", ".join(CONTROL[:3])}
    assert [one["code"] for one in apart["warnings"]] == ["small_arm"]
