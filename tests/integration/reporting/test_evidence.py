"""Evidence files over HTTP: in, out to those who may, and gone after their time; on real servers."""

import datetime as dt
import hashlib
import io
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from services.reporting.commands import drafts, facts
from services.reporting.commands import evidence as commands
from services.reporting.domain.evidence import key_of
from shared.events import EmployeeChanged, Received
from shared.files import Files, NoFile
from tests.kit.pictures import PDF, SECRETS, claiming, photo
from tests.kit.reporting import DAY, Running, Staff, at, put

PATH = f"/reporting/v1/me/reports/{DAY}/evidence"
KEPT = dt.timedelta(days=400)
DAYS = dt.timedelta(days=1)


async def send(client: httpx.AsyncClient, body: bytes, kind: str = "image/jpeg", **params: Any) -> httpx.Response:
    return await client.post(PATH, content=body, headers={"content-type": kind}, params=params)


def item(*evidence: str) -> dict[str, Any]:
    return {"task": "Legalisasi", "quantity": 2, "unit": "berkas", "evidence": evidence, "evidence_count": 77}


def files_of(service: Running) -> Files:
    return service.app.state.files


async def test_a_photo_is_kept_without_its_place_and_the_same_again_is_the_same(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        raw = await send(clerk, photo())
        again = await send(clerk, photo(), "text/html")  # what it is follows from what is in it
        service.clock.advance(dt.timedelta(seconds=1))
        form = await clerk.post(PATH, files={"file": ("Rapat.png", photo("PNG"), "image/png")})
        service.clock.advance(dt.timedelta(seconds=1))
        document = await send(clerk, PDF, "application/pdf", name="Notulen.pdf")
        listed = (await clerk.get(PATH)).json()["items"]
        files = [await clerk.get(f"/reporting/v1/evidence/{one['evidence_id']}") for one in listed]
        head = await clerk.head(f"/reporting/v1/evidence/{listed[0]['evidence_id']}")
    assert [answer.status_code for answer in (raw, again, form, document)] == [201, 200, 201, 201]
    assert again.json() == raw.json()
    assert [one["name"] for one in listed] == [None, "Rapat.png", "Notulen.pdf"]
    assert [one["metadata"] for one in listed] == ["removed", "removed", "kept"]
    assert [one["media_type"] for one in listed] == ["image/jpeg", "image/png", "application/pdf"]
    assert (listed[0]["width"], listed[0]["height"], listed[2]["width"]) == (64, 48, None)
    for answer, one in zip(files, listed, strict=True):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == one["media_type"]
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{DAY}-')
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "private, no-store"
        assert len(answer.content) == one["size"]
    assert (head.status_code, head.content) == (200, b"")
    assert dict(Image.open(io.BytesIO(files[0].content)).getexif()) == {}
    assert [secret for secret in SECRETS if secret in files[0].content + files[1].content] == []
    assert files[2].content == PDF


@pytest.mark.fault(36)
async def test_each_bad_file_is_refused_with_what_to_do(service: Running, staff: Staff) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        refused = {
            "no photo": await send(clerk, b"\xff\xd8\xffnot a photo at all"),
            "page": await send(clerk, b"<html><script>alert(1)</script>"),
            "empty": await send(clerk, b""),
            "huge": await send(clerk, claiming("PNG", 30_000, 30_000), "image/png"),
            "heic": await send(clerk, b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "image/heic"),
            "path": await clerk.post(PATH, files={"file": ("../../etc/cron.d/x.jpg", photo(), "image/jpeg")}),
            "name": await send(clerk, photo(), name="a/b.jpg"),
            "too long": await send(clerk, b"\xff\xd8\xff" + b"x" * (10 * 1024 * 1024)),
            "no form": await clerk.post(PATH, content=b"x", headers={"content-type": "multipart/form-data"}),
            "no file": await clerk.post(PATH, files={"photo": ("a.jpg", photo(), "image/jpeg")}),
            "two files": await clerk.post(PATH, files=[("file", ("a", photo())), ("file", ("b", photo("PNG")))]),
        }
        twenty = await send(clerk, b"\xff\xd8\xff" + b"x" * (20 * 1024 * 1024))
        far = await clerk.post(f"/reporting/v1/me/reports/{DAY + 2 * DAYS}/evidence", content=photo())
        assert (await clerk.get(PATH)).json()["items"] == []
    for what, answer in refused.items():
        assert answer.status_code == 422, (what, answer.text)
        (error,) = answer.json()["errors"]
        assert error["field"] == {"path": "name", "name": "name", "no form": "body", "two files": "body"}.get(
            what, "file"
        ), what
    assert "26 juta" in refused["huge"].text
    assert "JPEG" in refused["heic"].text
    assert (twenty.status_code, far.status_code) == (413, 422)


async def test_an_item_names_evidence_and_its_count_is_what_is_there(service: Running, staff: Staff) -> None:
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("staff", staff.late) as colleague,
    ):
        mine = (await send(clerk, photo())).json()["evidence_id"]
        service.clock.advance(dt.timedelta(seconds=1))
        spare = (await send(clerk, photo("PNG"))).json()["evidence_id"]
        theirs = (await send(colleague, photo())).json()["evidence_id"]
        elsewhere = await put(clerk, [item(mine, theirs), item(str(uuid4()))])
        other_day = await put(clerk, [item(mine)], date="2025-11-05")
        report = await put(clerk, [item(mine), item()])
        taken_back = [(await clerk.delete(f"{PATH}/{one}")).status_code for one in (spare, spare, theirs)]
        kept = await clerk.delete(f"{PATH}/{mine}")
        gone = await put(clerk, [item(mine, spare)])
        listed = (await clerk.get(PATH)).json()["items"]
        file = await clerk.get(f"/reporting/v1/evidence/{spare}")
        still = await colleague.get(f"/reporting/v1/evidence/{theirs}")
    assert [error["field"] for error in elsewhere.json()["errors"]] == ["items.0.evidence.1", "items.1.evidence.0"]
    assert (other_day.status_code, report.status_code) == (422, 201)
    assert [(one["evidence"], one["evidence_count"]) for one in report.json()["items"]] == [([mine], 1), ([], 0)]
    assert (taken_back, kept.status_code, gone.status_code) == ([204, 204, 404], 409, 422)
    assert [(one["reported"], one["purged_at"] is None) for one in listed] == [(True, True), (False, False)]
    assert (file.status_code, still.status_code) == (404, 200)


async def test_only_the_person_their_superiors_and_auditors_read_what_a_report_has_named(
    service: Running, staff: Staff
) -> None:
    async with service.caller("staff", staff.clerk) as clerk:
        mine = (await send(clerk, photo())).json()["evidence_id"]
        spare = (await send(clerk, PDF)).json()["evidence_id"]
    listing = f"/reporting/v1/people/{staff.clerk}/days/{DAY}/evidence"
    readers = {
        "boss": service.caller("supervisor", staff.supervisor),
        "deputy": service.caller("staff", staff.acting),
        "head": service.caller("staff", staff.head),
        "auditor": service.caller("auditor"),
        "bkpsdm": service.caller("bkpsdm", uuid4()),
        "council": service.caller("council"),
        "ops": service.caller("ops"),
        "opd admin": service.caller("opd_admin", uuid4(), "3275.DUKCAPIL"),
        "colleague": service.caller("staff", staff.late),
    }

    async def statuses() -> dict[str, tuple[int, int, int]]:
        found: dict[str, tuple[int, int, int]] = {}
        for name, client in readers.items():
            paths = (listing, f"/reporting/v1/evidence/{mine}", f"/reporting/v1/evidence/{spare}")
            first, second, third = [(await client.get(path)).status_code for path in paths]
            found[name] = (first, second, third)
        return found

    before = await statuses()
    async with service.caller("staff", staff.clerk) as clerk:
        assert (await put(clerk, [item(mine)])).status_code == 201
    after = await statuses()
    shown = (await readers["boss"].get(listing)).json()["items"]
    for client in readers.values():
        await client.aclose()
    may = {"boss", "deputy", "head", "auditor"}
    assert before == {name: (200 if name in may else 404, 404, 404) for name in readers}
    assert after == {name: (200, 200, 404) if name in may else (404, 404, 404) for name in readers}
    assert [one["evidence_id"] for one in shown] == [mine]


async def test_evidence_goes_after_its_time_and_its_row_says_so(service: Running, staff: Staff) -> None:
    now = service.clock.now()
    async with (
        service.caller("staff", staff.clerk) as clerk,
        service.caller("staff", staff.late) as colleague,
    ):
        mine = (await send(clerk, photo(), name="Rapat.jpg")).json()
        spare = (await send(clerk, PDF)).json()
        shared = (await send(colleague, photo())).json()
        await put(clerk, [item(mine["evidence_id"])])
        assert await commands.purge(service.db, files_of(service), now + 30 * DAYS, KEPT) == 0
        # What no report has named: a colleague's copy of the same photo leaves its file to the other row.
        assert await commands.purge(service.db, files_of(service), now + 31 * DAYS, KEPT) == 2
        kept = await clerk.get(f"/reporting/v1/evidence/{mine['evidence_id']}")
        assert await commands.purge(service.db, files_of(service), now + KEPT, KEPT) == 0
        assert await commands.purge(service.db, files_of(service), now + KEPT + DAYS, KEPT) == 1
        gone = await clerk.get(f"/reporting/v1/evidence/{mine['evidence_id']}")
        rows = (await clerk.get(PATH)).json()["items"]
        report = (await clerk.get(f"/reporting/v1/me/reports/{DAY}")).json()
        again = await send(clerk, photo())
    assert shared["sha256"] == mine["sha256"] != spare["sha256"]
    assert (kept.status_code, gone.status_code, again.status_code) == (200, 404, 201)
    assert gone.json()["type"].endswith("evidence.purged")
    assert [(one["name"], one["purged_at"] is not None) for one in rows] == [(None, True), (None, True)]
    assert report["items"][0]["evidence"] == [mine["evidence_id"]]


async def test_nothing_is_kept_of_whoever_is_erased(service: Running, staff: Staff) -> None:
    async with service.caller("staff", staff.clerk) as clerk, service.caller("auditor") as auditor:
        mine = (await send(clerk, photo())).json()["evidence_id"]
        await clerk.put("/reporting/v1/me/reports/2025-11-05/draft", json={"items": []})
        await put(clerk, [item(mine)])
        erasure = Received(
            None, uuid4(), EmployeeChanged.topic, "/hadir/test", at("09:00"), str(staff.clerk), None
        )
        async with service.db.transaction() as tx:
            await facts.apply(tx, [erasure])
        assert await commands.purge(service.db, files_of(service), service.clock.now(), KEPT) == 1
        await drafts.forget(service.db, service.clock.now())
        gone = await auditor.get(f"/reporting/v1/evidence/{mine}")
    async with service.db.read() as tx:
        left = await tx.connection.fetchval("select count(*) from report_draft")
    assert (gone.status_code, left) == (404, 0)


class Broken:
    """A store that fails."""

    async def put(self, key: str, body: bytes) -> None:
        raise ConnectionError("away")

    get = delete = put


async def test_a_store_that_is_away_is_503_and_leaves_nothing_that_anybody_sees(
    service: Running, staff: Staff
) -> None:
    whole = files_of(service)
    async with service.caller("staff", staff.clerk) as clerk:
        service.app.state.files = Broken()
        away = await send(clerk, photo())
        listed = (await clerk.get(PATH)).json()["items"]
        service.app.state.files = whole
        async with service.db.read() as tx:
            evidence_id = await tx.connection.fetchval("select evidence_id from evidence")
        unseen = await clerk.get(f"/reporting/v1/evidence/{evidence_id}")
        unnamed = await put(clerk, [item(str(evidence_id))])
        again = await send(clerk, photo())
    assert (away.status_code, listed, unseen.status_code, unnamed.status_code) == (503, [], 404, 422)
    assert again.json()["evidence_id"] == str(evidence_id)


class Slow:
    """A store in which something happens before a file is whole."""

    def __init__(self, files: Files, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self.get, self.delete = files.get, files.delete
        self._files, self._meanwhile = files, meanwhile

    async def put(self, key: str, body: bytes) -> None:
        await self._meanwhile()
        await self._files.put(key, body)


async def test_a_file_that_is_taken_back_while_it_is_stored_leaves_nothing(service: Running, staff: Staff) -> None:
    whole = files_of(service)
    async with service.caller("staff", staff.clerk) as clerk:

        async def take_back() -> None:
            async with service.db.read() as tx:
                evidence_id = await tx.connection.fetchval("select evidence_id from evidence")
            assert (await clerk.delete(f"{PATH}/{evidence_id}")).status_code == 204

        service.app.state.files = Slow(whole, take_back)
        answer = await send(clerk, PDF)
        listed = (await clerk.get(PATH)).json()["items"]
    with pytest.raises(NoFile):
        await whole.get(key_of(hashlib.sha256(PDF).hexdigest()))
    assert (answer.status_code, listed) == (404, [])


@pytest.mark.parametrize("most", [3])
async def test_a_day_has_room_for_so_many_files(
    service: Running, staff: Staff, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("services.reporting.domain.evidence.MOST_A_DAY", most)
    async with service.caller("staff", staff.clerk) as clerk:
        found = [(await send(clerk, photo(size=(n, n)))).status_code for n in (20, 30, 40, 50, 20)]
        monkeypatch.setattr("services.reporting.domain.evidence.MOST_A_DAY", most + 1)
        monkeypatch.setattr("services.reporting.domain.evidence.MOST_UNREPORTED", most)
        unreported = await send(clerk, photo(size=(60, 60)))
    assert found == [201, 201, 201, 409, 200]
    assert (unreported.status_code, unreported.json()["type"].rpartition(":")[2]) == (409, "evidence.unreported")
