"""Packs over HTTP and by the command line, on real servers."""

import asyncio
import csv
import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from services.reporting.commands.steps import Drain
from shared.database import Database
from tests.kit import reporting as city
from tests.kit.reporting import COUNTER, OPD, Running, Staff, at, employee, plan
from tests.kit.services import Signer

PACKS = "/reporting/v1/packs"
DAY = {"from": "2025-11-06", "to": "2025-11-06"}
AS_OF = "2025-11-06T08:30:00+07:00"


@pytest_asyncio.fixture
async def signing(
    kafka: str, database_for: Callable[[str], Awaitable[Database]], tmp_path: Path, staff: Staff
) -> AsyncIterator[Running]:
    """The service at 09:00 of the small city's day, with a key that signs packs."""
    db = await database_for("reporting")
    key = Signer().private_file(tmp_path)
    async with city.running(kafka, db, tmp_path, at("09:00"), proof_key_file=key) as running:
        more = [uuid4() for _ in range(60)]
        await running.fold(
            *city.city(staff),
            *(employee(one, OPD, COUNTER, supervisor_id=staff.supervisor) for one in more),
            *(plan(one, OPD, COUNTER) for one in more),
        )
        await Drain(db).all(at("09:00"))
        yield running


async def made(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    """Ask until it is made, as a page does."""
    answer = await client.post(PACKS, json=body)
    while answer.status_code == 202:
        assert answer.json()["state"] == "making", answer.text
        await asyncio.sleep(0.05)
        answer = await client.post(PACKS, json={**body, "as_of": answer.json()["as_of"]})
    assert answer.status_code == 200, answer.text
    assert answer.headers["location"] == f"{PACKS}/{answer.json()['pack_id']}"
    return answer.json()


async def test_a_pack_is_made_once_and_each_of_its_files_is_what_the_manifest_says(signing: Running) -> None:
    async with signing.caller("council", uuid4()) as council, signing.caller("bkpsdm", uuid4()) as bkpsdm:
        ordered = await made(council, {**DAY, "as_of": AS_OF})
        again = await bkpsdm.post(PACKS, json={**DAY, "as_of": "2025-11-06T01:30:00Z"})
        later = await made(bkpsdm, DAY)
        listed = (await council.get(PACKS)).json()
        first = (await council.get(PACKS, params={"limit": 1})).json()
        second = (await council.get(PACKS, params={"limit": 1, "cursor": first["next"]})).json()
        at_pack = f"{PACKS}/{ordered['pack_id']}"
        manifest = (await council.get(at_pack)).json()
        files = {one["name"]: await council.get(f"{at_pack}/{one['name']}") for one in manifest["files"]}
        whole = await council.get(f"{at_pack}/pack.zip")
        written = await council.get(f"{at_pack}/manifest.json")
        strange = [
            await council.get(path)
            for path in (f"{at_pack}/none.csv", f"{PACKS}/{'0' * 64}", f"{PACKS}/{'0' * 64}/pack.zip")
        ]
    assert again.json() == ordered
    assert (ordered["dates"], ordered["state"], ordered["as_of"]) == (1, "made", "2025-11-06T01:30:00Z")
    assert [one["pack_id"] for one in listed["items"]] == [later["pack_id"], ordered["pack_id"]]
    assert (first["items"], second["items"]) == ([later], [ordered])
    assert second["next"] is None
    for one in manifest["files"]:
        body = files[one["name"]].content
        assert (len(body), hashlib.sha256(body).hexdigest()) == (one["bytes"], one["sha256"])
        assert files[one["name"]].headers["content-type"] == one["media_type"]
    page = files["pack-id.html"]
    assert page.headers["content-disposition"].startswith("inline")
    assert "sandbox" in page.headers["content-security-policy"]
    assert files["pack-id.pdf"].headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "manifest.json": written.content,
            **{name: answer.content for name, answer in files.items()},
        }
    duties = {row["duty"]: row for row in csv.DictReader(io.StringIO(files["duties.csv"].text))}
    async with signing.caller("bkpsdm", uuid4()) as bkpsdm:
        board = (await bkpsdm.get("/reporting/v1/city", params={"date": "2025-11-06", "as_of": AS_OF})).json()
    for duty, figures in board["duties"].items():
        assert int(duties[duty]["not_met"]) == figures["not_met"]
        assert duties[duty]["rate"] == ("" if figures["rate"] is None else repr(figures["rate"]))
    assert {answer.status_code for answer in strange} == {404}


async def test_an_office_account_asks_for_a_pack_too(signing: Running) -> None:
    async with signing.caller("council", None) as office, signing.caller("ops", None) as ops:
        pack = await made(office, {**DAY, "as_of": AS_OF})
        assert (await office.get(f"{PACKS}/{pack['pack_id']}/pack-id.html")).status_code == 200
        assert (await ops.post(PACKS, json=DAY)).status_code == 403


async def test_without_a_key_no_pack_is_made(service: Running) -> None:
    async with service.caller("council", uuid4()) as council:
        unsigned = await council.post(PACKS, json=DAY)
    assert (unsigned.status_code, "HADIR_PROOF_KEY_FILE" in unsigned.text) == (409, True)


async def test_what_cannot_be_asked_for_is_said_with_its_mend(signing: Running) -> None:
    bad = {
        "to": [
            {"from": "2025-11-06", "to": "2025-11-05"},
            {"from": "2025-11-06", "to": "2025-11-07"},
            {"from": "2024-01-01", "to": "2025-11-06"},
            {"from": "2025-10-01", "to": "2025-10-31"},
        ],
        "as_of": [{**DAY, "as_of": "2025-11-07T00:00:00+07:00"}, {**DAY, "as_of": "2025-11-06T08:00:00"}],
        "from": [{"to": "2025-11-06"}, {"from": "6 Nov", "to": "2025-11-06"}],
        "date": [{**DAY, "date": "2025-11-06"}],
    }
    async with signing.caller("council", uuid4()) as council:
        for field, bodies in bad.items():
            for body in bodies:
                answer = await council.post(PACKS, json=body)
                told = [error["field"] for error in answer.json()["errors"]]
                named = [one.rpartition(".")[-1] for one in told]
                assert (answer.status_code, named) == (422, [field]), answer.text
        assert (await council.get(PACKS)).json()["items"] == []


async def test_what_cannot_be_made_is_given_up_and_made_when_it_is_asked_for_again(signing: Running) -> None:
    async with signing.caller("bkpsdm", uuid4()) as bkpsdm:
        async with signing.db.transaction() as tx:
            await tx.connection.execute("alter table fact_outage rename to fact_outage_away")
        answer = await bkpsdm.post(PACKS, json={**DAY, "as_of": AS_OF})
        states = [answer.json()["state"]]
        while states[-1] == "making":
            await asyncio.sleep(0.05)
            states.append((await bkpsdm.get(PACKS)).json()["items"][0]["state"])
        async with signing.db.transaction() as tx:
            await tx.connection.execute("alter table fact_outage_away rename to fact_outage")
        ordered = await made(bkpsdm, {**DAY, "as_of": AS_OF})
    assert states[-1] == "failed"
    assert ordered["state"] == "made"


async def hadir(running: Running, folder: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    told: dict[str, str] = {
        "HADIR_REPORTING_DATABASE_URL": running.db.url,
        "HADIR_KAFKA_BOOTSTRAP": "nobody:1",
        "HADIR_TOKEN_PUBLIC_KEY_FILE": str(running.app.state.service.settings.token_public_key_file),
        "HADIR_PROOF_KEY_FILE": str(running.app.state.service.settings.proof_key_file),
        "HADIR_STATE_DIR": str(folder / "state"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from deploy.entry import main; main()", *arguments),
        env={**os.environ, **told, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_makes_the_same_bytes_wherever_it_runs_and_verifies_them(
    signing: Running, tmp_path: Path
) -> None:
    when = ("--from", "2025-11-06", "--to", "2025-11-06", "--as-of", AS_OF)
    one, two, keys = tmp_path / "one", tmp_path / "two", tmp_path / "keys.json"
    elsewhere = {"PYTHONHASHSEED": "5", "TZ": "Pacific/Chatham", "LANG": "tr_TR.UTF-8"}
    (code, said, err), other = await asyncio.gather(
        hadir(signing, tmp_path, "pack", *when, "--out", str(one)),
        hadir(signing, tmp_path, "pack", *when, "--out", str(two), **elsewhere),
    )
    assert (code, other[0]) == (0, 0), err + other[2]
    async with signing.caller("council", uuid4()) as council:
        ordered = await made(council, {**DAY, "as_of": AS_OF})
        door = await council.get(f"{PACKS}/{ordered['pack_id']}/pack-id.pdf")
        keys.write_text((await council.get("/reporting/v1/proof-keys")).text)
    assert said.strip() == other[1].strip() == ordered["pack_id"]
    assert {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in two.iterdir()
    }
    assert (one / "pack-id.pdf").read_bytes() == door.content
    (two / "duties.csv").write_bytes((two / "duties.csv").read_bytes().replace(b"on_time", b"on_tine"))
    proven, altered, full, future = await asyncio.gather(
        hadir(signing, tmp_path, "pack", "verify", str(one), "--keys", str(keys)),
        hadir(signing, tmp_path, "pack", "verify", str(two), "--keys", str(keys)),
        hadir(signing, tmp_path, "pack", *when, "--out", str(one)),
        hadir(
            signing, tmp_path, "pack", "--from", "2025-11-06", "--to", "2999-01-01", "--out", str(tmp_path / "x")
        ),
    )
    assert proven[0] == 0, proven
    assert (altered[0], altered[2]) == (
        1,
        "hadir: duties.csv: altered; its SHA-256 is not the one that was signed\n",
    )
    assert (full[0], "not empty" in full[2]) == (1, True)
    assert (future[0], "--to:" in future[2], (tmp_path / "x").exists()) == (1, True, False), future
    assert json.loads((one / "manifest.json").read_text())["pack_id"] == ordered["pack_id"]
