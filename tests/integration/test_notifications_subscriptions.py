"""Subscriptions of other systems and offices: what an officer may ask for, what is refused, and what is kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from services.notifications.app import create_app
from services.notifications.store import subscriptions as store
from shared.clock import FixedClock
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.integration.test_notifications_service import NOW
from tests.kit.push_service import message_key_file
from tests.kit.services import Signer, in_process, settings_for
from tests.kit.subscribing import PUBLIC, WHY, subscription, terms

pytestmark = pytest.mark.asyncio(loop_scope="session")
DOORS = "/notifications/v1/subscriptions"


class Office:
    """An officer at the doors."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, db: Database) -> None:
        self.client, self.db, self.who = client, db, uuid4()
        self.headers = signer.headers("bkpsdm", self.who) | {"accept-language": "en"}

    async def ask(self, method: str, path: str = "", status: int = 200, **body: Any) -> Any:
        sent: dict[str, Any] = {"json": body} if method != "GET" else {"params": body}
        answer = await self.client.request(method, f"{DOORS}{path}", headers=self.headers, **sent)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def wrong(self, **changes: Any) -> list[str]:
        """The fields that a subscription with these changes is refused for."""
        refused = await self.ask("POST", status=422, **subscription(**changes))
        return [one["field"] for one in refused["errors"]]

    async def audited(self, subscription_id: str) -> list[str]:
        async with self.db.read() as tx:
            rows = await tx.connection.fetch(
                "select action from audit where subject = $1 order by audit_id", subscription_id
            )
        return [row["action"].removeprefix("subscription.") for row in rows]


@pytest_asyncio.fixture(loop_scope="session")
async def office(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Office]:
    signer, db = Signer(), await database_for("notifications")
    settings = settings_for(
        "notifications", signer, tmp_path, database_url=db.url, message_key_file=message_key_file(tmp_path)
    )
    async with in_process(create_app(settings, FixedClock(NOW))) as client:
        yield Office(client, signer, db)


async def test_a_subscription_shows_its_secret_once_and_is_there_once(office: Office) -> None:
    given = subscription(kinds=["counter.short", "counter.met"])
    made = await office.ask("POST", status=201, **given)
    assert made["secret"].startswith("whsec_")
    assert (made["active"], made["created_by"]) == (True, str(office.who))
    again = await office.ask("POST", **given)
    assert again == made | {"secret": None}
    shown = await office.ask("GET", f"/{given['subscription_id']}")
    assert "secret" not in shown
    assert [one["secret_id"] for one in shown["secrets"]] == [given["subscription_id"]]
    await office.ask("POST", status=409, **subscription(subscription_id=given["subscription_id"]))
    assert await office.audited(given["subscription_id"]) == ["added", "secret_made"]
    page = await office.ask("GET")
    assert given["subscription_id"] in [one["subscription_id"] for one in page["items"]]


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/hook",
        "https://10.0.0.8/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.8]/hook",
        "https://localhost/hook",
        "https://tidak-ada.invalid/hook",
        "http://192.0.9.1/hook",
        "https://192.0.9.1:22/hook",
        "https://a:b@192.0.9.1/hook",
        "https://192.0.9.1/hook\r\nX-Api-Key: 1",
        "https://192.0.9.1/ho\nok",
        "kantor@contoh.example",
    ],
)
@pytest.mark.fault(38)
async def test_an_address_that_may_not_be_called_is_refused_by_its_field(office: Office, address: str) -> None:
    given = subscription(address=address)
    refused = await office.ask("POST", status=422, **given)
    assert [one["field"] for one in refused["errors"]] == ["address"]
    await office.ask("GET", f"/{given['subscription_id']}", status=404)
    kept = subscription()
    await office.ask("POST", status=201, **kept)
    await office.ask("PUT", f"/{kept['subscription_id']}", status=422, **terms(address=address))
    assert (await office.ask("GET", f"/{kept['subscription_id']}"))["address"] == PUBLIC


async def test_every_other_field_is_checked_too(office: Office) -> None:
    assert await office.wrong(kinds=["report.returned"]) == ["kinds.0"]
    assert await office.wrong(kinds=["counter.short", "counter.short"]) == ["kinds"]
    assert await office.wrong(kinds=[]) == ["kinds"]
    assert await office.wrong(opd_codes=["tidak ada"]) == ["opd_codes.0"]
    assert await office.wrong(description="Budi 081234567890") == ["description"]
    assert await office.wrong(way="push") == ["way"]
    assert await office.wrong(secret="whsec_x") == ["secret"]
    assert await office.wrong(way="email") == ["address"]
    assert await office.wrong(way="email", address="a@contoh.example\r\nBcc: b@contoh.example") == ["address"]


@pytest.mark.fault(38)
async def test_rotation_two_secrets_sign_until_the_old_one_is_retired(office: Office) -> None:
    given = subscription()
    first = (await office.ask("POST", status=201, **given))["secret"]
    path, old, new = f"/{given['subscription_id']}", given["subscription_id"], str(uuid4())
    await office.ask("POST", f"{path}/secrets/{old}/retirement", status=409, **WHY)
    made = await office.ask("POST", f"{path}/secrets", status=201, secret_id=new, **WHY)
    assert made["secret"] not in (None, first)
    assert (await office.ask("POST", f"{path}/secrets", secret_id=new, **WHY))["secret"] is None
    assert {one["secret_id"] for one in made["secrets"]} == {old, new}
    await office.ask("POST", f"{path}/secrets", status=409, secret_id=str(uuid4()), **WHY)
    await office.ask("POST", f"{path}/secrets/{old}/retirement", **WHY)
    left = await office.ask("POST", f"{path}/secrets/{old}/retirement", **WHY)
    assert [one["secret_id"] for one in left["secrets"]] == [new]
    assert (await office.ask("POST", f"{path}/secrets", secret_id=old, **WHY))["secret"] is None
    assert await office.audited(old) == ["added", "secret_made", "secret_made", "secret_retired"]


async def test_no_secret_is_in_the_database(office: Office) -> None:
    made = await office.ask("POST", status=201, **subscription())
    async with office.db.read() as tx:
        rows = await tx.connection.fetch("select w::text as kept from webhook_secret w")
        rows += await tx.connection.fetch("select a::text as kept from audit a")
    assert rows
    assert not any(made["secret"].removeprefix("whsec_") in row["kept"] for row in rows)


async def test_stopped_started_and_removed(office: Office) -> None:
    given = subscription()
    await office.ask("POST", status=201, **given)
    path, subscription_id = f"/{given['subscription_id']}", UUID(given["subscription_id"])
    assert not (await office.ask("POST", f"{path}/stop", **WHY))["active"]
    async with office.db.read() as tx:
        assert await store.receivers(tx, [subscription_id]) == []
    assert (await office.ask("POST", f"{path}/start", **WHY))["active"]
    async with office.db.read() as tx:
        assert [one.address for one in await store.receivers(tx, [subscription_id])] == [PUBLIC]
    await office.ask("POST", f"{path}/removal", **WHY)
    await office.ask("GET", path, status=404)
    await office.ask("POST", status=409, **given)
    assert await office.audited(str(subscription_id)) == [
        "added",
        "secret_made",
        "stopped",
        "started",
        "removed",
    ]


async def test_an_office_hears_nothing_before_it_has_confirmed(office: Office) -> None:
    given = subscription(way="email", address="kantor@contoh.example", kinds=["digest.council"])
    path, subscription_id = f"/{given['subscription_id']}", UUID(given["subscription_id"])
    made = await office.ask("POST", status=201, **given)
    assert (made["active"], made["confirmed_at"], made["secret"]) == (False, None, None)
    await office.ask("POST", f"{path}/start", status=409, **WHY)
    await office.ask("POST", f"{path}/secrets", status=409, secret_id=str(uuid4()), **WHY)
    await office.ask("POST", f"{path}/trials", status=409, trial_id=str(uuid4()), **WHY)
    async with office.db.transaction() as tx:
        assert await store.confirm(tx, subscription_id, NOW)
        assert not await store.confirm(tx, subscription_id, NOW)
    assert (await office.ask("GET", path))["active"]
    moved = terms(address="lain@contoh.example", kinds=["digest.council"])
    altered = await office.ask("PUT", path, **moved)
    assert (altered["active"], altered["confirmed_at"]) == (False, None)


async def test_without_a_message_key_no_webhook_is_taken(database_for: DatabaseFor, tmp_path: Path) -> None:
    signer, db = Signer(), await database_for("notifications")
    settings = settings_for("notifications", signer, tmp_path, database_url=db.url)
    async with in_process(create_app(settings, FixedClock(NOW))) as client:
        office = Office(client, signer, db)
        refused = await office.ask("POST", status=409, **subscription())
    assert "HADIR_MESSAGE_KEY_FILE" in refused["detail"]
