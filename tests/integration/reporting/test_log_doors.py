"""Who is signed in can check the log; a record and its proof are for whose it is, and for who reads them all."""

import datetime as dt
import json
from base64 import b64decode
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy import log_proof
from services.reporting.commands import facts, transparency
from services.reporting.domain.merkle import leaf_hash, proves_consistency, proves_inclusion
from services.reporting.domain.transparency import Checkpoint, Written, entry_of, origin_of, read_again
from services.reporting.domain.transparency import LogName as Log
from shared.auth import Role
from shared.dates import WIB
from shared.events import AttendanceRecorded, Event, Received, UnitChanged, encode, source_of
from shared.proof_keys import ProofKeys, PublicKeys
from shared.receipts import MEMBERS
from shared.signing import Unproven
from tests.kit.kafka import produce
from tests.kit.reporting import Running, Staff, at, check_in, unit

KEYS = ProofKeys(Ed25519PrivateKey.generate())
ANYBODY = PublicKeys.of(json.dumps({"keys": KEYS.jwks()}))
HOUR = dt.timedelta(hours=1)
PUNCHES, UNITS = AttendanceRecorded.topic, UnitChanged.topic


async def happened(service: Running, kafka: str, *events: Event) -> list[UUID]:
    """The events come to Kafka and to the facts; returns their ids."""
    ids = [uuid4() for _ in events]
    for event, id in zip(events, ids, strict=True):
        source = source_of(type(event).owner)
        await produce(kafka, [encode(event, id=id, time=at("07:00"), source=source)])
        async with service.db.transaction() as tx:
            await facts.apply(tx, [Received(event, id, event.topic, source, at("07:00"), event.key, None)])
    return ids


async def counted(service: Running, kafka: str, now: dt.datetime, *, signed: bool = True) -> None:
    client = {"bootstrap_servers": kafka}
    await transparency.grow(service.db, client, [PUNCHES, UNITS], now, rest=0)
    if signed:
        await transparency.sign(service.db, KEYS, "hadir.local", now)


async def asked(
    service: Running, role: Role, topic: str, id: object, subject: UUID | None = None
) -> tuple[int, Any]:
    async with service.caller(role, subject) as caller:
        answer = await caller.get("/reporting/v1/log/proofs", params={"topic": topic, "id": str(id)})
    return answer.status_code, answer.json()


async def test_the_record_of_a_punch_is_proven_to_whose_it_is_and_to_who_reads_the_log(
    service: Running, staff: Staff, kafka: str
) -> None:
    own = check_in(staff.clerk, "07:25")
    ce_id, public = await happened(service, kafka, own, unit("LOKET-9", "3275.DUKCAPIL", "Loket", "Dukcapil", 1))
    assert (await asked(service, "auditor", PUNCHES, ce_id))[0] == 404  # nothing is counted yet
    await counted(service, kafka, at("08:10"), signed=False)
    status, told = await asked(service, "auditor", PUNCHES, ce_id)
    assert (status, told["type"].rpartition(":")[2]) == (409, "log.not_signed_yet")
    await counted(service, kafka, at("09:00"))

    status, proof = await asked(service, "staff", PUNCHES, own.punch_id, staff.clerk)
    assert status == 200
    assert (await asked(service, "auditor", PUNCHES, ce_id)) == (200, proof)
    assert (await asked(service, "bkpsdm", PUNCHES, ce_id)) == (200, proof)
    others: list[tuple[Role, UUID | None]] = [
        *(("staff", staff.late), ("supervisor", staff.supervisor)),
        *(("council", None), ("ops", None)),
    ]
    for role, subject in others:
        for id in (ce_id, own.punch_id):
            status, told = await asked(service, role, PUNCHES, id, subject)
            assert (status, told["type"].rpartition(":")[2]) == (404, "log.record_unknown"), role
    assert (await asked(service, "council", UNITS, public))[0] == 200

    # As `hadir log verify-receipt` has it: with the answer and the keys alone.
    proven = log_proof.prove(json.dumps(proof), ANYBODY)
    assert (str(proven.log), proven.place, proven.checkpoint.size) == (proof["log"], proof["index"], proof["size"])
    receipt = {name: json.loads(proof["record"]["value"]).get(name) for name in MEMBERS} | {"time_trust": "server"}
    assert log_proof.same_punch(proven, receipt) == []
    local = dt.datetime.fromisoformat(receipt["at"]).astimezone(WIB).isoformat()
    assert log_proof.same_punch(proven, {**receipt, "at": local}) == []
    assert log_proof.same_punch(proven, {**receipt, "zone": "remote", "kind": "out"}) == ["kind", "zone"]
    wrong: list[dict[str, Any]] = [
        {**proof, "index": proof["index"] + 1},
        {**proof, "size": proof["size"] + 1},
        {**proof, "log": "attendance.recorded.v1/9"},
        {**proof, "path": [*proof["path"], proof["leaf_hash"]]},
        {**proof, "checkpoint": proof["checkpoint"].replace("hadir.local", "hadir.other")},
        {**proof, "record": {**proof["record"], "value": proof["record"]["value"].replace("office", "remote")}},
        {**proof, "record": {**proof["record"], "headers": proof["record"]["headers"][1:]}},
        {"log": proof["log"]},
    ]
    for one in wrong:
        with pytest.raises(Unproven):
            log_proof.prove(json.dumps(one), ANYBODY)

    record = proof["record"]
    headers = [(header["name"], header["value"]) for header in record["headers"]]
    written = Written(record["encoding"], record["key"], record["value"], headers)
    leaf = leaf_hash(entry_of(*read_again(written)))
    assert b64decode(proof["leaf_hash"]) == leaf
    assert json.loads(record["value"])["punch_id"] == str(own.punch_id)
    note, path = proof["checkpoint"], [b64decode(step) for step in proof["path"]]
    checkpoint = Checkpoint.of(ANYBODY.opened(note, origin_of("hadir.local", Log.of(proof["log"]))))
    assert proves_inclusion(leaf, proof["index"], checkpoint.size, path, checkpoint.root)


async def test_trees_checkpoints_and_consistency_are_there_for_everyone_who_is_signed_in(
    service: Running, staff: Staff, kafka: str
) -> None:
    for hour in (8, 9, 10):
        await happened(service, kafka, check_in(staff.clerk, f"{hour:02}:05"))
        await counted(service, kafka, at(f"{hour:02}:10"))
    async with service.caller("council") as caller:
        trees = (await caller.get("/reporting/v1/log/trees")).json()
        assert trees["outside"] == {"directory.employee.v1": "compacted", "log.checkpoint.v1": "checkpoints"}
        found = list[dict[str, Any]]()
        cursor: str | None = ""
        while cursor is not None:
            params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            page = (await caller.get("/reporting/v1/log/checkpoints", params=params)).json()
            found += page["items"]
            cursor = page["next"]
        everything = (await caller.get("/reporting/v1/log/checkpoints")).json()["items"]
        assert found == everything
        own = [one for one in everything if [other["log"] for other in everything].count(one["log"]) >= 3]
        first, *_, last = [one for one in own if one["log"] == own[0]["log"]]
        log = Log.of(first["log"])
        where = {"topic": log.topic, "partition": str(log.partition)}
        only = (await caller.get("/reporting/v1/log/checkpoints", params=where)).json()["items"]
        assert only == [one for one in everything if one["log"] == first["log"]]
        sizes = {**where, "first": str(first["size"]), "second": str(last["size"])}
        proof = (await caller.get("/reporting/v1/log/consistency", params=sizes)).json()
        one, other = (b64decode(end["root_hash"]) for end in (first, last))
        path = [b64decode(step) for step in proof["path"]]
        assert proves_consistency(first["size"], last["size"], one, other, path)
        for wrong, code in (
            ({**sizes, "first": "0"}, 422),
            ({**sizes, "second": str(last["size"] + 1)}, 422),
            ({**sizes, "first": str(last["size"]), "second": str(first["size"])}, 422),
            ({**sizes, "topic": "directory.employee.v1"}, 422),
            ({**sizes, "topic": "log.checkpoint.v1"}, 422),
            ({**sizes, "partition": "99"}, 404),
        ):
            answer = await caller.get("/reporting/v1/log/consistency", params=wrong)
            assert answer.status_code == code, wrong
            if code == 422:
                assert answer.json()["errors"][0]["field"] in {"first", "topic"}
        denied = await caller.get("/reporting/v1/log/tiles", params={**where, "level": 0, "number": 0})
        assert denied.status_code == 403
    async with service.caller("auditor") as caller:
        tile = (await caller.get("/reporting/v1/log/tiles", params={**where, "level": 0, "number": 0})).json()
        assert len(tile["hashes"]) == min(256, last["size"])
        missing = await caller.get("/reporting/v1/log/tiles", params={**where, "level": 7, "number": 0})
        assert missing.status_code == 404
