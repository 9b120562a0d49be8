"""On which browsers people are pushed to: whose they are, how many, and what is no subscription."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.notifications.app import create_app
from services.notifications.store import deletion
from shared import base64url
from shared.clock import FixedClock
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.kit.push_service import message_key_file
from tests.kit.pushing import subscription
from tests.kit.services import Signer, in_process, settings_for

NOW = dt.datetime(2025, 11, 6, 16, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))
HERE = "/notifications/v1/me/push-subscriptions"


@dataclass
class Running:
    client: httpx.AsyncClient
    signer: Signer
    db: Database

    async def ask(self, method: str, who: UUID, path: str = "", **how: Any) -> httpx.Response:
        headers = {**self.signer.headers("staff", who), "accept-language": "en"}
        return await self.client.request(method, f"{HERE}{path}", headers=headers, **how)

    async def devices(self, who: UUID) -> list[str]:
        return [one["device_id"] for one in (await self.ask("GET", who)).json()["items"]]


@pytest_asyncio.fixture(loop_scope="session")
async def service(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Running]:
    signer, db = Signer(), await database_for("notifications")
    key = message_key_file(tmp_path)
    settings = settings_for("notifications", signer, tmp_path, database_url=db.url, message_key_file=key)
    async with in_process(create_app(settings, FixedClock(NOW))) as client:
        yield Running(client, signer, db)


async def test_a_browser_is_kept_altered_and_let_go(service: Running) -> None:
    who, device, given = uuid4(), uuid4(), subscription()
    headers = service.signer.headers("staff", who)
    key = (await service.client.get("/notifications/v1/push-key", headers=headers)).json()["key"]
    assert len(base64url.read(key)) == 65
    answer = await service.ask("PUT", who, f"/{device}", json=given)
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "device_id": str(device),
            "label": "Chrome, Android",
            "push_service": "fcm.googleapis.com",
            "since": "2025-11-06T09:00:00Z",
        },
    )
    again = await service.ask("PUT", who, f"/{device}", json={**given, "label": "Chrome, ponsel"})
    assert (again.status_code, again.json()["label"]) == (200, "Chrome, ponsel")
    assert await service.devices(who) == [str(device)]
    for removed in (True, False):
        answer = await service.ask("DELETE", who, f"/{device}")
        assert (answer.status_code, answer.json()["removed"]) == (200, removed)
    assert await service.devices(who) == []


async def test_a_browser_is_whoevers_who_gave_it_last(service: Running) -> None:
    first, second, given = uuid4(), uuid4(), subscription()
    one, other = uuid4(), uuid4()
    await service.ask("PUT", first, f"/{one}", json=given)
    assert (await service.ask("PUT", second, f"/{other}", json=given)).status_code == 201
    assert (await service.devices(first), await service.devices(second)) == ([], [str(other)])
    # By the same id too, as a browser works it out of its endpoint.
    assert (await service.ask("PUT", first, f"/{other}", json=given)).status_code == 201
    assert (await service.devices(first), await service.devices(second)) == ([str(other)], [])
    # The id of a browser that is another one is nobody else's.
    taken = await service.ask("PUT", second, f"/{other}", json=subscription())
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:hadir:problem:push.taken")
    assert (await service.ask("DELETE", second, f"/{other}")).json()["removed"] is False
    assert await service.devices(first) == [str(other)]


async def test_one_person_has_ten_at_most(service: Running) -> None:
    who, devices = uuid4(), [uuid4() for _ in range(11)]
    given = [subscription() for _ in devices]
    answers = [
        (await service.ask("PUT", who, f"/{device}", json=one)).status_code
        for device, one in zip(devices, given, strict=True)
    ]
    assert answers == [201] * 10 + [409]
    assert (await service.ask("PUT", who, f"/{devices[0]}", json=given[0])).status_code == 200
    # The same browser by another id takes no second place.
    assert (await service.ask("PUT", who, f"/{uuid4()}", json=given[0])).status_code == 201
    assert len(await service.devices(who)) == 10


def off_the_curve() -> str:
    return base64url.written(b"\x04" + bytes(63) + b"\x01")


def of_another_curve() -> str:
    key = generate_private_key(SECP256K1()).public_key()
    return base64url.written(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", "http://push.example/x"),
        ("endpoint", "https://127.0.0.1/x"),
        ("endpoint", "https://[::1]/x"),
        ("endpoint", "https://localhost/x"),
        ("endpoint", "https://user@push.example/x"),
        ("endpoint", "https://push.example/x#y"),
        ("endpoint", "https://push.example:99999/x"),
        ("endpoint", "https://push.example/x\r\nHost: y"),
        ("endpoint", "https://push.example/" + "x" * 2000),
        ("endpoint", 7),
        ("keys.p256dh", off_the_curve()),
        pytest.param("keys.p256dh", of_another_curve(), id="of_another_curve"),  # another one in each process
        ("keys.p256dh", base64url.written(b"\x02" + bytes(32))),
        ("keys.p256dh", "+/+/"),
        ("keys.auth", base64url.written(bytes(15))),
        ("keys.auth", "!" * 22),
        ("label", ""),
        ("label", "x" * 61),
        ("label", "ponsel 0812 3456 7890"),
        ("label", "a\nb"),
        ("other", "x"),
    ],
)
async def test_what_is_no_subscription_is_refused_by_the_fields_name(
    service: Running, field: str, value: object
) -> None:
    who, given = uuid4(), subscription()
    outer, _, inner = field.partition(".")
    if inner:
        given[outer][inner] = value
    else:
        given[outer] = value
    answer = await service.ask("PUT", who, f"/{uuid4()}", json=given)
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, [field])
    assert await service.devices(who) == []


async def test_another_key_of_ours_reaches_no_browser_of_before(
    service: Running, database_for: DatabaseFor, tmp_path: Path
) -> None:
    who, device, given = uuid4(), uuid4(), subscription()
    await service.ask("PUT", who, f"/{device}", json=given)
    key = message_key_file(tmp_path)
    settings = settings_for(
        "notifications", service.signer, tmp_path, database_url=service.db.url, message_key_file=key
    )
    async with in_process(create_app(settings, FixedClock(NOW))) as client:
        changed = Running(client, service.signer, service.db)
        assert await changed.devices(who) == []
        assert (await changed.ask("PUT", who, f"/{device}", json=given)).status_code == 201
        assert await changed.devices(who) == [str(device)]
    assert await service.devices(who) == []


async def test_without_a_key_nobody_is_pushed_to(service: Running, tmp_path: Path) -> None:
    settings = settings_for("notifications", service.signer, tmp_path, database_url=service.db.url)
    async with in_process(create_app(settings, FixedClock(NOW))) as client:
        off = Running(client, service.signer, service.db)
        who = uuid4()
        answer = await client.get("/notifications/v1/push-key", headers=service.signer.headers("staff", who))
        assert answer.json() == {"key": None}
        assert (await off.ask("PUT", who, f"/{uuid4()}", json=subscription())).status_code == 409
        assert await off.devices(who) == []


async def test_an_erased_person_is_pushed_to_nowhere(service: Running) -> None:
    who, other = uuid4(), uuid4()
    for one in (who, other):
        await service.ask("PUT", one, f"/{uuid4()}", json=subscription())
    async with service.db.transaction() as tx:
        await deletion.forget(tx, [who])
    assert (await service.devices(who), len(await service.devices(other))) == ([], 1)
