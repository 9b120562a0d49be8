"""Who came to counters over HTTP, and the half hours of a counter, on real servers."""

from typing import Any

import httpx

from tests.kit.reporting import COUNTER, DAY, OPD, OTHER_COUNTER, OTHER_OPD, Running, Staff, at

IMPORTS = "/reporting/v1/demand/imports"
HEADER = "unit_id,from,arrivals,mean_service_seconds,target_seconds\n"
FILE = f"""{HEADER}{COUNTER},2025-11-06 08:00,6,300,600
{COUNTER},2025-11-06 08:30,12,300,600
{OTHER_COUNTER},2025-11-05 14:30,3,600,900
"""


async def upload(client: httpx.AsyncClient, text: str = FILE, **params: Any) -> httpx.Response:
    return await client.post(IMPORTS, content=text.encode(), params=params, headers={"content-type": "text/csv"})


def counts(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [answer.json()[name] for name in ("rows", "created", "changed", "unchanged")]


async def test_a_file_is_taken_whole_or_not_at_all_tried_first_and_again_without_effect(
    service: Running, staff: Staff
) -> None:
    async with (
        service.caller("bkpsdm", staff.head) as officer,
        service.caller("opd_admin", staff.supervisor, OPD) as admin,
        service.caller("staff", staff.clerk) as clerk,
        service.caller("auditor") as auditor,
    ):
        refused = await upload(officer, FILE.replace("08:30,12", "08:31,x") + "X,2025-11-06 09:00,1,1,1\n")
        dry = await upload(officer, dry_run=True)
        first, again = await upload(officer), await upload(officer)
        more = await upload(officer, FILE.replace("08:00,6", "08:00,7"))
        foreign, own = await upload(admin), await upload(admin, HEADER + f"{COUNTER},2025-11-06 07:30,1,300,600\n")
        assert (await upload(clerk)).status_code == 403
        audit = (await auditor.get("/reporting/v1/audit", params={"action": "demand"})).json()["items"]
    assert refused.status_code == foreign.status_code == 422
    assert [(one["row"], one["column"], one["code"]) for one in refused.json()["errors"]] == [
        (3, "from", "demand.half_hour"),
        (3, "arrivals", "import.whole"),
        (5, "unit_id", "demand.unit_unknown"),
        (5, "from", "demand.not_over"),
    ]
    assert [(one["row"], one["code"]) for one in foreign.json()["errors"]] == [(4, "demand.other_opd")]
    assert [counts(one) for one in (dry, first, again, more, own)] == [
        [3, 3, 0, 0],
        [3, 3, 0, 0],
        [3, 0, 0, 3],
        [3, 0, 1, 2],
        [1, 1, 0, 0],
    ]
    assert [(one["action"], one["officer"]) for one in audit] == [
        ("demand.imported", str(staff.supervisor)),
        ("demand.imported", str(staff.head)),
        ("demand.imported", str(staff.head)),
    ]


async def test_a_machine_puts_a_date_again_and_again(service: Running, staff: Staff) -> None:
    path = f"/reporting/v1/units/{COUNTER}/demand/{DAY}"

    def body(*slots: tuple[str, int]) -> dict[str, Any]:
        rest = {"mean_service_seconds": 300, "target_seconds": 600}
        return {"items": [{"from": clock, "arrivals": count, **rest} for clock, count in slots]}

    async with service.caller("opd_admin", staff.supervisor, OPD) as admin:
        first = (await admin.put(path, json=body(("08:00", 6), ("07:30", 1)))).json()
        again = (await admin.put(path, json=body(("08:00", 6), ("07:30", 1)))).json()
        other = (await admin.put(path, json=body(("08:00", 7), ("08:30", 9)))).json()
        early = await admin.put(path, json=body(("09:00", 1)))
        odd = await admin.put(path, json=body(("08:10", 1)))
        spelt = await admin.put(path, json={"items": [], "item": []})
        strange = await admin.put(f"/reporting/v1/units/{OTHER_COUNTER}/demand/{DAY}", json=body())
        office = await admin.put("/reporting/v1/units/DUKCAPIL/demand/2025-11-06", json=body())
        shown = (await admin.get(f"/reporting/v1/units/{COUNTER}/half-hours", params={"date": str(DAY)})).json()
    names = ("rows", "created", "changed", "removed", "unchanged")
    assert [[one[name] for name in names] for one in (first, again, other)] == [
        [2, 2, 0, 0, 0],
        [2, 0, 0, 0, 2],
        [2, 1, 1, 1, 0],
    ]
    assert [(one.status_code, one.json()["errors"][0]["field"]) for one in (early, odd, spelt, strange)] == [
        (422, "items.0.from"),
        (422, "items.0.from"),
        (422, "item"),
        (403, "scope"),
    ]
    assert office.status_code == 404
    assert "HH:30" in odd.json()["errors"][0]["message"]
    assert {one["from"]: one["arrivals"] for one in shown["items"] if one["arrivals"] is not None} == {
        at("08:00").isoformat().replace("+00:00", "Z"): 7,
        at("08:30").isoformat().replace("+00:00", "Z"): 9,
    }


async def test_the_half_hours_of_a_counter_say_who_was_needed_and_who_was_there(
    service: Running, staff: Staff
) -> None:
    path = f"/reporting/v1/units/{COUNTER}/half-hours"
    async with service.caller("bkpsdm", staff.head) as officer:
        await upload(officer, HEADER + f"{COUNTER},2025-11-06 08:00,18,100,60\n")
        today = (await officer.get(path)).json()
        longer = (await officer.get(path, params={"from": "2025-11-06", "to": "2025-11-06", "share": 0.99})).json()
        both = await officer.get(path, params={"date": "2025-11-06", "from": "2025-11-06", "to": "2025-11-06"})
        half = await officer.get(path, params={"from": "2025-11-06"})
        future = await officer.get(path, params={"date": "2025-11-07"})
        many = await officer.get(path, params={"from": "2025-09-01", "to": "2025-11-06"})
        none = await officer.get("/reporting/v1/units/DUKCAPIL/half-hours")
        before = await officer.get(path, params={"date": "2025-11-03"})
    assert len(today["items"]) == 48
    assert (today["unit_id"], today["opd_code"], today["share"]) == (COUNTER, OPD, 0.8)
    one = today["items"][16]
    assert (one["open_seconds"], one["required"], one["present_low"], one["present_high"]) == (1800, 2, 2, 2)
    # One erlang: with two people a third wait, and 1 - e^-0.6 / 3 wait at most a minute.
    assert (one["load"], one["needed"]) == (1.0, 2)
    assert round(one["within_low"], 6) == round(one["within_required"], 6) == 0.817063
    assert longer["items"][16]["needed"] == 4
    assert today["items"][18]["open_seconds"] == 0, "it is nine o'clock"
    refused = [(one.status_code, one.json()["errors"][0]["field"]) for one in (both, half, future, many)]
    assert refused == [(422, "date"), (422, "to"), (422, "date"), (422, "to")]
    assert none.status_code == 404
    # Nobody was planned yet: the counter was open all the same.
    assert before.json()["items"][16]["required"] == 2


async def test_a_counter_of_another_opd_is_for_everyone_to_read(service: Running, staff: Staff) -> None:
    async with service.caller("opd_admin", staff.supervisor, OTHER_OPD) as client:
        assert (await client.get(f"/reporting/v1/units/{COUNTER}/half-hours")).status_code == 200
