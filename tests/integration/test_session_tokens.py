"""A page's script acts by a token of its session: as its holder, no longer than it, and for its own site alone."""

import datetime as dt
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from deploy.cli import app as hadir
from services.reporting.app import create_app
from shared.auth import LEEWAY_S, Authenticator, Role, TokenError
from shared.clock import FixedClock
from shared.database import Database
from shared.settings import SettingsError
from tests.conftest import DatabaseFor
from tests.kit.attendance import employee
from tests.kit.doors import City, Template, all_services
from tests.kit.reporting import at
from tests.kit.services import Signer, in_process, settings_for

CLOCK = FixedClock(at("09:00"))
DOOR = "/reporting/v1/session-tokens"
OWN = {"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def city(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[City]:
    async with all_services(postgres, migrated_template, tmp_path_factory.mktemp("tokens"), CLOCK) as city:
        yield city


async def session(city: City, role: Role, subject: UUID | None = None, opd: str | None = None) -> dict[str, str]:
    """The headers of a browser that has signed in."""
    opened = await city.client.post("/reporting/login", data={"token": city.signer.token(role, subject, opd)})
    assert opened.status_code == 303
    city.client.cookies.clear()
    return OWN | {"Cookie": opened.headers["set-cookie"].partition(";")[0]}


async def given(city: City, role: Role, subject: UUID | None = None, opd: str | None = None) -> dict[str, Any]:
    answer = await city.client.post(DOOR, headers=await session(city, role, subject, opd))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def test_a_session_gives_a_token_that_opens_doors_of_all_services(city: City) -> None:
    clerk = uuid4()
    await city.know(employee(clerk))
    token = await given(city, "staff", clerk)
    left = dt.datetime.fromisoformat(token["expires_at"]).timestamp() - time.time()
    assert 14 * 60 < left <= 15 * 60
    bearer = {"Authorization": f"Bearer {token['token']}"}
    punch = {"punch_id": str(uuid4()), "kind": "in", "device_at": None, "position": None}
    stored = await city.client.post("/attendance/v1/punches", json=punch, headers=bearer)
    assert stored.status_code == 201, stored.text
    mine = await city.client.get("/attendance/v1/me/punches?date=2025-11-06", headers=bearer)
    assert [one["punch_id"] for one in mine.json()["items"]] == [punch["punch_id"]]
    for door in (
        "/scheduling/v1/me/plans?from=2025-11-06&to=2025-11-06",
        "/reporting/v1/me/reports",
        "/notifications/v1/me/inbox",
    ):
        assert (await city.client.get(door, headers=bearer)).status_code == 200, door


async def test_it_opens_no_door_that_the_role_of_the_session_does_not(city: City) -> None:
    token = await given(city, "opd_admin", uuid4(), "3275.DINKES")
    bearer = {"Authorization": f"Bearer {token['token']}"}
    outage = {"outage_id": str(uuid4()), "scope": {"all": True}}
    assert (await city.client.post("/attendance/v1/outages", json=outage, headers=bearer)).status_code == 403
    other = await city.client.get("/reporting/v1/opds/3275.DUKCAPIL/people?date=2025-11-06", headers=bearer)
    assert other.status_code in (403, 404)
    authenticator: Authenticator = city.apps["attendance"].state.authenticator
    who = authenticator.verify(token["token"])
    assert (who.role, who.opd) == ("opd_admin", "3275.DINKES")
    # An office's session changes nothing by its token either.
    office = await given(city, "bkpsdm")
    refused = await city.client.post(
        "/attendance/v1/outages", json=outage, headers={"Authorization": f"Bearer {office['token']}"}
    )
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:hadir:problem:auth.needs_person")


async def test_it_is_believed_nowhere_after_its_session_has_ended(city: City) -> None:
    browser = await session(city, "staff", uuid4())
    ends = time.time() + 5 * 60
    db: Database = city.apps["reporting"].state.service.db
    async with db.transaction() as tx:
        await tx.connection.execute(
            "update browser_session set expires_at = $1", dt.datetime.fromtimestamp(ends, dt.UTC)
        )
    token = (await city.client.post(DOOR, headers=browser)).json()
    authenticator = Authenticator(city.signer.key.public_key())
    who = authenticator.verify(token["token"])
    assert ends - 2 <= who.expires <= ends
    # In the last minute there is none to be had: clocks differ by so much.
    async with db.transaction() as tx:
        soon = dt.datetime.fromtimestamp(time.time() + LEEWAY_S / 2, dt.UTC)
        await tx.connection.execute("update browser_session set expires_at = $1", soon)
    refused = await city.client.post(DOOR, headers=browser)
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:hadir:problem:auth.no_session")


async def test_a_token_of_a_session_makes_no_session_that_lives_longer(city: City) -> None:
    first = await given(city, "staff", uuid4())
    link = await city.client.post(
        "/reporting/v1/sign-in-links", headers={"Authorization": f"Bearer {first['token']}"}
    )
    code = link.json()["url"].partition("code=")[2]
    opened = await city.client.post("/reporting/login", data={"code": code})
    city.client.cookies.clear()
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
    second = (await city.client.post(DOOR, headers=OWN | cookie)).json()
    assert second["expires_at"] <= first["expires_at"]


async def test_who_is_not_signed_in_or_has_signed_out_gets_none(city: City) -> None:
    browser = await session(city, "staff", uuid4())
    await city.client.post("/reporting/logout", headers=browser)
    for headers in (
        browser,
        OWN,
        OWN | {"Cookie": "hadir_session=nonsense"},
        OWN | city.signer.headers("staff", uuid4()),  # a token makes no other token
    ):
        answer = await city.client.post(DOOR, headers=headers)
        assert answer.status_code == 401
        assert "/reporting/login" in answer.json()["detail"]


@pytest.mark.parametrize(
    "other",
    [
        {"Origin": "https://other.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_gets_none(city: City, other: dict[str, str]) -> None:
    browser = {k: v for k, v in (await session(city, "staff", uuid4())).items() if k != "Sec-Fetch-Site"}
    answer = await city.client.post(DOOR, headers=browser | other)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:hadir:problem:auth.other_site")


async def test_without_a_key_the_door_says_what_to_set(database_for: DatabaseFor, tmp_path: Path) -> None:
    signer, db = Signer(), await database_for("reporting")
    async with in_process(
        create_app(settings_for("reporting", signer, tmp_path, database_url=db.url), CLOCK)
    ) as client:
        opened = await client.post("/reporting/login", data={"token": signer.token("staff", uuid4())})
        assert opened.status_code == 303
        answer = await client.post(DOOR, headers=OWN)
        assert answer.status_code == 503
        assert "HADIR_TOKEN_PRIVATE_KEY_FILE" in answer.json()["detail"]


async def test_a_key_that_no_service_would_believe_is_refused_at_the_start(
    database_for: DatabaseFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, signer = await database_for("reporting"), Signer()
    nothing, nonsense = tmp_path / "none.pem", tmp_path / "bad.pem"
    nonsense.write_text("nonsense")
    for file, told in (
        (Signer().private_file(tmp_path), "add its public key"),
        (nothing, "no private key in PEM"),
        (nonsense, "no private key in PEM"),
    ):
        settings = settings_for("reporting", signer, tmp_path, database_url=db.url, token_private_key_file=file)
        with pytest.raises(TokenError, match=told):
            async with in_process(create_app(settings, CLOCK)):
                raise AssertionError("it must not start")
        for name, value in (
            ("HADIR_REPORTING_DATABASE_URL", db.url),
            ("HADIR_KAFKA_BOOTSTRAP", "127.0.0.1:9"),
            ("HADIR_TOKEN_PUBLIC_KEY_FILE", str(settings.token_public_key_file)),
            ("HADIR_TOKEN_PRIVATE_KEY_FILE", str(file)),
        ):
            monkeypatch.setenv(name, value)
        with pytest.raises(SettingsError, match=rf"HADIR_TOKEN_PRIVATE_KEY_FILE: .*{told}"):
            hadir(["check-config", "reporting"], standalone_mode=False)
