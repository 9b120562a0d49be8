"""The door of questions, on real servers."""

from typing import Any
from uuid import uuid4

from tests.kit.reporting import DAY, OPD, OTHER_OPD, Running, Staff, at

DOOR = "/reporting/v1/what-if"


def asked(**more: Any) -> dict[str, Any]:
    return {"from": str(DAY), "to": str(DAY), **more}


async def test_a_question_is_answered_with_both_sides_and_leaves_nothing(service: Running, staff: Staff) -> None:
    service.clock.set(at("12:00"))
    async with service.caller("auditor", staff.head) as auditor, service.caller("bkpsdm", uuid4()) as agency:
        auditor.headers["accept-language"] = "en"
        before = (await agency.get("/reporting/v1/opds")).json()["items"]
        kinder = (await auditor.post(DOOR, json=asked(opd_codes=[OPD], rules={"tolerance_minutes": 15}))).json()
        home = (await agency.post(DOOR, json=asked(policy={"share": 1}))).json()
        kept = (await agency.post(DOOR, json=asked(policy={"share": 1, "service_points_never": True}))).json()
        after = (await agency.get("/reporting/v1/opds")).json()["items"]
        audit = (await agency.get("/reporting/v1/audit")).json()["items"]
    assert (kinder["from"], kinder["to"]) == (str(DAY), str(DAY))
    (of_opd,) = kinder["opds"]
    assert [of_opd[side]["duties"]["on_time"]["met"] for side in ("before", "after")] == [1, 2]
    assert [of_opd[side]["duties"]["on_time"]["not_met"] for side in ("before", "after")] == [2, 1]
    assert of_opd["change"]["on_time_rate"] == 2 / 3 - 1 / 3
    assert of_opd["before"]["met_seconds"] == of_opd["after"]["met_seconds"] > 0
    assert (of_opd["before"], kinder["city"]["moved_person_days"]) == (kinder["city"]["before"], 0)
    assert [one["code"] for one in kinder["assumptions"]] == ["same_record"]
    by_opd = {one["opd_code"]: one for one in home["opds"]}
    assert by_opd[OPD]["after"]["met_seconds"] == 0 < by_opd[OPD]["before"]["met_seconds"]
    assert (by_opd[OPD]["moved_person_days"], by_opd[OTHER_OPD]["moved_person_days"]) == (2, 1)
    assert home["city"]["after"]["modes"]["WFH"] == home["city"]["before"]["modes"]["WFH"] + 3
    assert home["city"]["change"]["output_rate"] == 0
    assert (kept["city"]["moved_person_days"], kept["city"]["before"]) == (0, kept["city"]["after"])
    assert after == [{**one, "as_of": later["as_of"]} for one, later in zip(before, after, strict=True)]
    assert audit == []


async def test_a_question_that_cannot_be_answered_is_refused_with_the_mend(service: Running, staff: Staff) -> None:
    async with (
        service.caller("bkpsdm", uuid4()) as agency,
        service.caller("council", uuid4()) as council,
        service.caller("opd_admin", uuid4(), OPD) as admin,
    ):
        agency.headers["accept-language"] = "en"
        kinder = {"tolerance_minutes": 15}
        wrong = {
            "nothing": await agency.post(DOOR, json=asked()),
            "nothing either": await agency.post(DOOR, json=asked(rules={})),
            "too long": await agency.post(DOOR, json={**asked(rules=kinder), "from": "2025-10-01"}),
            "reversed": await agency.post(DOOR, json={**asked(rules=kinder), "to": "2025-11-01"}),
            "future": await agency.post(DOOR, json={**asked(rules=kinder), "to": "2025-11-07"}),
            "before": await agency.post(DOOR, json={"from": "2025-11-01", "to": "2025-11-02", "rules": kinder}),
            "unknown": await agency.post(DOOR, json=asked(opd_codes=["nowhere"], rules=kinder)),
            "share": await agency.post(DOOR, json=asked(policy={"share": 1.5})),
            "misspelt": await agency.post(DOOR, json=asked(rules={"tolerance": 5})),
            "cutoff": await agency.post(DOOR, json=asked(rules={"report_cutoff": "25:00"})),
        }
        closed = [await one.post(DOOR, json=asked(rules=kinder)) for one in (council, admin)]
        async with service.db.transaction() as tx:
            await tx.connection.execute("select pg_advisory_xact_lock(hashtext('hadir.whatif'))")
            busy = await agency.post(DOOR, json=asked(rules=kinder))
    assert {name: answer.status_code for name, answer in wrong.items()} == dict.fromkeys(wrong, 422)
    assert {name: answer.json()["errors"][0]["field"] for name, answer in wrong.items()} == {
        "nothing": "body",
        "nothing either": "body",
        "too long": "to",
        "reversed": "to",
        "future": "to",
        "before": "to",
        "unknown": "opd_codes.0",
        "share": "policy.share",
        "misspelt": "rules.tolerance",
        "cutoff": "rules.report_cutoff",
    }
    assert [answer.status_code for answer in closed] == [403, 403]
    assert (busy.status_code, busy.headers["retry-after"]) == (409, "10")
