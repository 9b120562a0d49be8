"""The weekly audit over HTTP, on real servers."""

import asyncio
import datetime as dt
from uuid import UUID, uuid4

from services.reporting.domain.sampling import drawn, seed_of, week_of
from tests.kit.reporting import COUNTER, OPD, OTHER_OPD, Running, Staff, at, employee, put

WEEK = "2025-W45"
SAMPLE = f"/reporting/v1/opds/{OPD}/samples/{WEEK}"


async def test_an_audit_is_drawn_again_and_findings_give_a_share(service: Running, staff: Staff) -> None:
    people = [uuid4() for _ in range(6)]
    await service.fold(*(employee(one, OPD, COUNTER, supervisor_id=staff.supervisor) for one in people))
    reports: list[str] = []
    for person in (*people, staff.clerk):
        async with service.caller("staff", person) as client:
            reports.append((await put(client)).json()["report_id"])
    service.clock.set(at("17:00"))
    examiner, found = uuid4(), {"error": True, "reason": "Jumlah tidak cocok dengan bukti"}
    async with (
        service.caller("supervisor", staff.supervisor) as boss,
        service.caller("auditor", examiner) as auditor,
        service.caller("opd_admin", staff.clerk, OPD) as admin,
        service.caller("opd_admin", uuid4(), OTHER_OPD) as other,
        service.caller("bkpsdm", staff.supervisor) as reviewer,
        service.caller("auditor") as office,
    ):
        empty = (await auditor.get(SAMPLE)).json()
        accepted = [{"report_id": one, "revision": 1, "decision": "accepted"} for one in reports]
        await boss.post("/reporting/v1/reviews", json={"reviews": accepted})
        service.clock.set(at("18:00"))
        whole = (await auditor.get(SAMPLE)).json()
        four = (await admin.get(SAMPLE, params={"size": 4})).json()
        chosen = [item["report_id"] for item in four["items"]]
        # What is decided later changes nothing of an earlier instant.
        service.clock.set(at("19:00"))
        back = {"report_id": chosen[0], "revision": 1, "decision": "returned", "note": "Periksa lagi"}
        await boss.post("/reporting/v1/reviews", json={"reviews": [back]})
        # The acceptance before it is known as a fact, once it has come back from Kafka.
        async with service.db.read() as tx:
            facts = "select count(*) from fact_review where report_id = $1"
            came = await tx.connection.fetchval(facts, chosen[0])
        for _ in range(300):
            if came == 2:
                break
            await asyncio.sleep(0.1)
            async with service.db.read() as tx:
                came = await tx.connection.fetchval(facts, chosen[0])
        again = (await office.get(SAMPLE, params={"size": 4, "as_of": "2025-11-06T18:00:00+07:00"})).json()
        now = (await office.get(SAMPLE, params={"size": 4})).json()
        left = [item["report_id"] for item in now["items"]]
        first = await auditor.put(f"{SAMPLE}/{left[0]}", json=found)
        same = await auditor.put(f"{SAMPLE}/{left[0]}", json=found)
        fine = await auditor.put(f"{SAMPLE}/{left[1]}", json={"error": False, "reason": "Sesuai dengan bukti"})
        shared = (await office.get(SAMPLE, params={"size": 4})).json()
        audit = (await office.get("/reporting/v1/audit", params={"action": "sample"})).json()["items"]
        async with service.caller("opd_admin", UUID(now["items"][2]["employee_id"]), OPD) as author:
            own = await author.put(f"{SAMPLE}/{left[2]}", json=found)
        refused = {
            "own report": own,
            "own review": await reviewer.put(f"{SAMPLE}/{left[0]}", json=found),
            "another's OPD": await other.put(f"{SAMPLE}/{left[0]}", json=found),
            "another's OPD to read": await other.get(SAMPLE),
            "no person": await office.put(f"{SAMPLE}/{left[0]}", json=found),
            "no role": await boss.get(SAMPLE),
            "returned": await auditor.put(f"{SAMPLE}/{chosen[0]}", json=found),
            "not there": await auditor.put(f"{SAMPLE}/{uuid4()}", json=found),
            "no week": await auditor.get(f"/reporting/v1/opds/{OPD}/samples/2025-W60"),
            "no reason": await auditor.put(f"{SAMPLE}/{left[0]}", json={"error": True}),
            "too many": await auditor.get(SAMPLE, params={"size": 201}),
        }
    assert (empty["accepted"], empty["items"], empty["share"]) == (0, [], None)
    assert (whole["accepted"], len(whole["items"])) == (7, 7)
    assert (whole["first"], whole["last"]) == ("2025-11-03", "2025-11-09")
    seed = seed_of(OPD, week_of(WEEK))
    assert whole["seed"] == seed
    by_hand = [str(one) for one in drawn(seed, [UUID(one) for one in reports], 7)]
    assert [item["report_id"] for item in whole["items"]] == by_hand
    assert chosen == by_hand[:4]
    assert [item["quantity"] for item in four["items"][0]["items"]] == [30.0, 4.5]
    assert again == {**four, "as_of": again["as_of"]}
    assert left == by_hand[1:5]
    assert (first.status_code, same.json()) == (200, first.json())
    assert dt.datetime.fromisoformat(first.json()["found_at"]) == at("19:00")
    assert fine.json()["found_by"] == str(examiner)
    assert (shared["examined"], shared["in_error"], shared["share"]) == (2, 1, 0.5)
    assert 0 < shared["wilson_low"] < 0.5 < shared["wilson_high"] < 1
    assert [(row["subject"], row["detail"]["error"]) for row in audit] == [(left[1], False), (left[0], True)]
    assert {name: answer.status_code for name, answer in refused.items()} == {
        "own report": 403,
        "own review": 403,
        "another's OPD": 403,
        "another's OPD to read": 403,
        "no person": 403,
        "no role": 403,
        "returned": 404,
        "not there": 404,
        "no week": 422,
        "no reason": 422,
        "too many": 422,
    }
