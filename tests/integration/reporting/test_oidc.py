"""Signing in by the city's account: a real provider, its own pages, and everything that can go wrong between."""

import dataclasses
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.reporting.app import create_app
from services.reporting.commands import facts
from shared.auth import Authenticator
from shared.clock import FixedClock
from shared.database import Database
from shared.settings import SettingsError, load
from tests.conftest import drop_database, make_database
from tests.kit.city_account import (
    CLIENT_ID,
    SECRET,
    CityAccount,
    browser_of,
    city_account,
    rsa_key,
    signed_in_there,
)
from tests.kit.doors import Template
from tests.kit.reporting import COUNTER, OPD, Staff, at, city, employee, received
from tests.kit.services import Signer, settings_for

HADIR = "http://hadir.test"
START = "/reporting/login/oidc"
CALLBACK = f"{HADIR}{START}/callback"
MAPPING = """
otherwise = "staff"

[[role]]
role = "bkpsdm"
claim = "groups"
values = ["hadir-bkpsdm"]

[[role]]
role = "opd_admin"
claim = "groups"
values = ["hadir-admin"]

[[role]]
role = "opd_admin"
claim = "groups"
values = ["hadir-admin-lain"]
opd_claim = "opd"

[[role]]
role = "council"
claim = "groups"
values = ["dprd"]
person = false
"""


@dataclasses.dataclass
class Rig:
    app: FastAPI
    signer: Signer

    def browser(self) -> httpx.AsyncClient:
        return browser_of(self.app, HADIR)

    async def sign_in(self, browser: httpx.AsyncClient, login: str, to: str = "") -> httpx.Response:
        begun = await browser.get(START + to)
        return await signed_in_there(browser, begun, login, until=CALLBACK)

    async def who(self, browser: httpx.AsyncClient) -> Any:
        """Whose session the browser has, by the token that it gives."""
        made = await browser.post("/reporting/v1/session-tokens", headers={"Origin": HADIR})
        assert made.status_code == 201, made.text
        return Authenticator(self.signer.key.public_key()).verify(made.json()["token"])


RigWith = Callable[..., AbstractAsyncContextManager[Rig]]


STAFF, GONE = Staff.new(), uuid4()
ACCOUNTS: dict[str, dict[str, Any]] = {
    "clerk": {"employee_id": str(STAFF.clerk), "preferred_username": "budi.clerk"},
    "bkpsdm": {"employee_id": str(STAFF.head), "groups": ["pegawai", "hadir-bkpsdm"]},
    "admin": {"employee_id": str(STAFF.clerk), "groups": ["hadir-admin"]},
    "admin-lain": {"employee_id": str(STAFF.clerk), "groups": ["hadir-admin-lain"], "opd": "3275.DINKES"},
    "admin-tanpa": {"employee_id": str(STAFF.clerk), "groups": ["hadir-admin-lain"]},
    "dewan": {"groups": ["dprd"]},
    "dua": {"employee_id": str(STAFF.head), "groups": ["hadir-bkpsdm", "hadir-admin"]},
    "tanpa": {"preferred_username": "siapa"},
    "rusak": {"employee_id": "198704122010121003"},
    "asing": {"employee_id": str(uuid4())},
    "pensiun": {"employee_id": str(GONE)},
    "kepala": {"employee_id": str(STAFF.head)},
}
"""What the provider says of each login; `clerk` is anybody of the city without a group."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def account() -> AsyncIterator[CityAccount]:
    more = {"kepala": {"groups": ["hadir-bkpsdm"]}}
    async with city_account(HADIR, accounts=ACCOUNTS, userinfo=more) as account:
        yield account


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres: str, migrated_template: Template) -> AsyncIterator[str]:
    """The address of reporting's database of the small city."""
    name = f"reporting_{uuid4().hex[:12]}"
    url = await make_database(postgres, name, template=await migrated_template("reporting"))
    db = Database(url)
    async with db.transaction() as tx:
        gone = employee(GONE, OPD, COUNTER, active=False)
        await facts.apply(tx, [received(event) for event in (*city(STAFF), gone)])
    await db.close()
    yield url
    await drop_database(postgres, name)


@pytest.fixture(scope="module")
def rig_with(account: CityAccount, database: str, tmp_path_factory: pytest.TempPathFactory) -> RigWith:
    folder = tmp_path_factory.mktemp("oidc")
    secret, mapping = folder / "secret", folder / "mapping.toml"
    secret.write_text(SECRET + "\n")
    mapping.write_text(MAPPING)

    @asynccontextmanager
    async def make(**settings: Any) -> AsyncGenerator[Rig]:
        signer = Signer()
        told: dict[str, Any] = {
            "public_url": HADIR,
            "token_private_key_file": signer.private_file(folder),
            "oidc_issuer": account.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret_file": secret,
            "oidc_mapping_file": mapping,
            **settings,
        }
        app = create_app(
            settings_for("reporting", signer, folder, database_url=database, **told), FixedClock(at("09:00"))
        )
        async with app.router.lifespan_context(app):
            yield Rig(app, signer)

    return make


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rig(rig_with: RigWith) -> AsyncIterator[Rig]:
    async with rig_with() as rig:
        yield rig


async def test_the_citys_account_opens_a_session_as_the_person_it_belongs_to(rig: Rig) -> None:
    async with rig.browser() as browser:
        welcome = await browser.get("/reporting/", headers={"Accept-Language": "id"})
        assert "Masuk dengan akun kota" in welcome.text
        assert f'href="{START}"' in welcome.text
        begun = await browser.get(START)
        asked = {name: value[0] for name, value in parse_qs(urlsplit(begun.headers["location"]).query).items()}
        assert (asked["response_type"], asked["scope"]) == ("code", "openid")
        assert asked["code_challenge_method"] == "S256"
        assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
        cookie = begun.headers["set-cookie"].lower()
        for said in ("httponly", "samesite=lax", f"path={START}", "max-age="):
            assert said in cookie
        assert asked["state"].lower() not in cookie.partition("=")[2]
        arrived = await signed_in_there(browser, begun, "clerk", until=CALLBACK)
        assert arrived.status_code == 200
        assert '<meta http-equiv="refresh" content="0;url=/reporting/app/">' in arrived.text
        session = next(one for one in arrived.headers.get_list("set-cookie") if one.startswith("hadir_session="))
        assert "samesite=strict" in session.lower()
        assert [name for name in browser.cookies if name.startswith("hadir_oidc")] == []
        assert (await browser.get("/reporting/v1/me/reports")).status_code == 200
        who = await rig.who(browser)
        assert (who.subject, who.role, who.opd) == (STAFF.clerk, "staff", None)
        board = await browser.get("/reporting/")
        assert "Masuk dengan akun kota" not in board.text


@pytest.mark.parametrize(
    ("login", "role", "opd"),
    [("bkpsdm", "bkpsdm", None), ("admin", "opd_admin", OPD), ("admin-lain", "opd_admin", "3275.DINKES")],
)
async def test_the_mapping_gives_role_and_opd(rig: Rig, login: str, role: str, opd: str | None) -> None:
    async with rig.browser() as browser:
        assert (await rig.sign_in(browser, login)).status_code == 200
        who = await rig.who(browser)
        assert (who.role, who.opd) == (role, opd)
        assert who.subject in (STAFF.head, STAFF.clerk)


async def test_an_account_without_a_person_reads_where_the_mapping_lets_it(rig: Rig) -> None:
    async with rig.browser() as browser:
        assert (await rig.sign_in(browser, "dewan")).status_code == 200
        who = await rig.who(browser)
        assert (who.role, who.subject) == ("council", None)


@pytest.mark.parametrize(
    ("login", "account_name", "told"),
    [
        ("dua", "dua", "bkpsdm, opd_admin"),
        ("tanpa", "siapa", "employee_id"),
        ("rusak", "rusak", "employee_id"),
        ("asing", "asing", "pegawai aktif"),
        ("pensiun", "pensiun", "pegawai aktif"),
        ("admin-tanpa", "admin-tanpa", "kode OPD"),
    ],
)
async def test_whoever_the_account_does_not_place_is_told_what_to_ask_of_whom(
    rig: Rig, login: str, account_name: str, told: str
) -> None:
    async with rig.browser() as browser:
        refused = await rig.sign_in(browser, login)
        assert refused.status_code == 403
        assert "Minta kepada" in refused.text
        assert account_name in refused.text
        assert told in refused.text
        assert "hadir_session" not in browser.cookies


async def test_nobody_matches_where_there_is_no_role_for_all(rig_with: RigWith, tmp_path: Path) -> None:
    strict = tmp_path / "strict.toml"
    strict.write_text(MAPPING.replace('otherwise = "staff"', ""))
    async with rig_with(oidc_mapping_file=strict) as rig, rig.browser() as browser:
        browser.headers["Accept-Language"] = "en"
        refused = await rig.sign_in(browser, "clerk")
        assert refused.status_code == 403
        assert "Ask your OPD&#39;s admin or BKPSDM to have the account budi.clerk given one" in refused.text


async def test_a_public_client_signs_in_by_pkce_alone(rig_with: RigWith, account: CityAccount) -> None:
    [known] = account.given["clients"]
    public = {name: value for name, value in known.items() if name != "client_secret"}
    told = [{**public, "token_endpoint_auth_method": "none"}]
    async with (
        account.as_if(clients=told),
        rig_with(oidc_client_secret_file=None) as rig,
        rig.browser() as browser,
    ):
        assert (await rig.sign_in(browser, "clerk")).status_code == 200
        assert (await rig.who(browser)).subject == STAFF.clerk


async def test_what_the_id_token_does_not_say_is_asked_of_the_userinfo(rig: Rig) -> None:
    async with rig.browser() as browser:
        assert (await rig.sign_in(browser, "kepala")).status_code == 200
        assert (await rig.who(browser)).role == "bkpsdm"


async def test_an_answer_is_taken_once_and_by_the_browser_that_asked(rig: Rig) -> None:
    async with rig.browser() as browser, rig.browser() as thief:
        begun = await browser.get(START)
        back = await returning(browser, begun, "clerk")
        for answer in (await thief.get(back), await thief.get(START + "/callback?state=x&code=y")):
            assert answer.status_code == 400
            assert "Mulai lagi dari halaman masuk" in answer.text
        wrong = httpx.URL(back).copy_set_param("state", "x" * 43)
        assert (await browser.get(wrong)).status_code == 400
        kept = {one.name: one.value for one in browser.cookies.jar if one.name.startswith("hadir_oidc")}
        assert (await browser.get(back)).status_code == 200
        # The same address once more, as of the button Back; and with the cookie, as of somebody who kept it.
        assert (await browser.get(back)).status_code == 400
        cookie = "; ".join(f"{name}={value}" for name, value in kept.items())
        again = await thief.get(back, headers={"Cookie": cookie})
        assert again.status_code == 400
        assert "sudah dipakai atau terlalu lama" in again.text
        assert "hadir_session" not in thief.cookies


async def returning(browser: httpx.AsyncClient, begun: httpx.Response, login: str) -> str:
    """The address that the provider sends the browser back to, not yet gone to."""
    answer = await signed_in_there(
        browser, begun, login, until="http://127.0.0.1"
    )  # the first page of the provider
    while True:
        if answer.is_redirect:
            there = answer.url.join(answer.headers["location"])
            if str(there).startswith(CALLBACK):
                return str(there)
            answer = await browser.get(there)
            continue
        action = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert action
        assert prompt
        form = {"prompt": prompt[1], "login": login, "password": "x"}
        answer = await browser.post(action[1], data=form)


@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        ("error=access_denied", 403, "tidak memberi izin"),
        ("error=login_required&error_description=%3Cscript%3E", 403, "tidak memberi izin"),
        ("error=temporarily_unavailable", 503, "tidak menjawab"),
        ("error=invalid_scope&error_description=x&session_state=1", 502, "tim operasi"),
        ("", 502, "tim operasi"),
        ("code=x&iss=https://other.example", 502, "tidak dapat dipercaya"),
        ("code=x", 400, "sudah dipakai atau terlalu lama"),
        ("code=" + "x" * 4001, 422, ""),
    ],
)
async def test_each_error_of_the_provider_has_a_page_that_says_what_to_do(
    rig: Rig, told: str, status: int, words: str
) -> None:
    async with rig.browser() as browser:
        begun = await browser.get(START)
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        answer = await browser.get(f"{START}/callback?state={state}&{told}", headers={"Accept-Language": "id"})
        assert answer.status_code == status
        assert words in answer.text
        assert "<script>" not in answer.text
        assert "hadir_session" not in browser.cookies


async def test_a_provider_that_is_away_is_said_and_keeps_nothing_else_down(
    rig: Rig, rig_with: RigWith, account: CityAccount
) -> None:
    async with rig.browser() as browser, rig_with() as fresh, fresh.browser() as other:
        begun = await browser.get(START)
        back = await returning(browser, begun, "clerk")
        await account.stop()
        try:
            late, never = await browser.get(back), await other.get(START)
            for answer in (late, never):
                assert answer.status_code == 503
                assert "Tunggu beberapa menit" in answer.text
            assert "set-cookie" not in never.headers
            link = await other.post("/reporting/login", data={"token": fresh.signer.token("staff", STAFF.clerk)})
            assert link.status_code == 303
            out = await other.post("/reporting/logout", headers={"Origin": HADIR})
            assert out.headers["location"] == "/reporting/"
        finally:
            await account.start()
        assert (await fresh.sign_in(other, "clerk")).status_code == 200


async def test_a_wrong_secret_is_for_the_operators(rig_with: RigWith, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not it")
    async with rig_with(oidc_client_secret_file=wrong) as rig, rig.browser() as browser:
        answer = await rig.sign_in(browser, "clerk")
        assert answer.status_code == 502
        assert "tim operasi" in answer.text


@pytest.mark.parametrize(("off_s", "status"), [(30, 200), (-30, 200), (600, 502), (-1500, 502)])
async def test_clocks_that_differ_by_more_than_a_minute_are_said(
    rig: Rig, account: CityAccount, off_s: int, status: int
) -> None:
    async with account.as_if(clock_off_s=off_s), rig.browser() as browser:
        answer = await rig.sign_in(browser, "clerk")
        assert answer.status_code == status
        assert ("NTP" in answer.text) is (status == 502)


async def test_the_provider_may_change_its_keys(rig_with: RigWith, account: CityAccount) -> None:
    async with rig_with() as rig:
        async with rig.browser() as browser:
            assert (await rig.sign_in(browser, "clerk")).status_code == 200
        async with account.as_if(keys=[rsa_key("second")]), rig.browser() as browser:
            assert (await rig.sign_in(browser, "clerk")).status_code == 200


async def test_a_second_factor_is_asked_for_and_demanded(rig_with: RigWith) -> None:
    async with rig_with(oidc_acr_values=["urn:mfa", "phr"], oidc_max_age=900) as rig, rig.browser() as browser:
        begun = await browser.get(START)
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert (asked["acr_values"], asked["max_age"]) == (["urn:mfa phr"], ["900"])
        weak = await signed_in_there(browser, begun, "clerk", until=CALLBACK)
        assert weak.status_code == 403
        assert "faktor kedua" in weak.text


async def test_a_sign_in_that_is_fresh_enough_passes(rig_with: RigWith) -> None:
    async with rig_with(oidc_max_age=900) as rig, rig.browser() as browser:
        assert (await rig.sign_in(browser, "clerk")).status_code == 200


async def test_signing_out_leads_to_the_citys_account_and_ends_the_session_at_once(rig: Rig) -> None:
    async with rig.browser() as browser:
        await rig.sign_in(browser, "clerk")
        session = {"Cookie": f"hadir_session={browser.cookies['hadir_session']}"}
        out = await browser.post("/reporting/logout", headers={"Origin": HADIR})
        assert out.status_code == 200
        there = re.search(r'content="0;url=([^"]+)"', out.text)
        assert there
        asked = parse_qs(urlsplit(there[1].replace("&amp;", "&")).query)
        assert asked == {"client_id": [CLIENT_ID], "post_logout_redirect_uri": [f"{HADIR}/reporting/login"]}
        assert (await browser.get("/reporting/v1/me/reports", headers=session)).status_code == 401
        page = await browser.get(there[1].replace("&amp;", "&"))
        assert page.status_code == 200


async def test_a_local_sign_in_signs_out_here_alone(rig: Rig) -> None:
    async with rig.browser() as browser:
        await browser.post("/reporting/login", data={"token": rig.signer.token("staff", STAFF.clerk)})
        out = await browser.post("/reporting/logout", headers={"Origin": HADIR})
        assert (out.status_code, out.headers["location"]) == (303, "/reporting/")


@pytest.mark.parametrize(
    ("to", "lands"),
    [
        ("/reporting/app/", "/reporting/app/"),
        ("/reporting/app/days/2025-11-06", "/reporting/app/days/2025-11-06"),
        ("https://other.example/", "/reporting/app/"),
        ("//other.example", "/reporting/app/"),
        ("/reporting/..//x", "/reporting/app/"),
    ],
)
async def test_it_ends_at_a_page_of_ours(rig: Rig, to: str, lands: str) -> None:
    async with rig.browser() as browser:
        arrived = await rig.sign_in(browser, "clerk", f"?to={to}")
        assert f'content="0;url={lands}"' in arrived.text


async def test_without_a_provider_there_is_no_such_door(rig_with: RigWith) -> None:
    none = dict.fromkeys(("oidc_issuer", "oidc_client_id", "oidc_client_secret_file", "oidc_mapping_file"))
    async with rig_with(**none) as rig, rig.browser() as browser:
        assert (await browser.get(START)).status_code == 404
        assert START not in (await browser.get("/reporting/login")).text


async def test_settings_that_do_not_go_together_are_named_at_the_start(rig_with: RigWith, tmp_path: Path) -> None:
    given = {
        "HADIR_REPORTING_DATABASE_URL": "postgresql://h@localhost/h",
        "HADIR_KAFKA_BOOTSTRAP": "localhost:9092",
        "HADIR_TOKEN_PUBLIC_KEY_FILE": "x",
    }
    for more, told in (
        ({"HADIR_OIDC_ISSUER": "https://a.example"}, "HADIR_OIDC_CLIENT_ID.*\n.*HADIR_OIDC_MAPPING_FILE"),
        ({"HADIR_OIDC_ISSUER": "http://a.example"}, "HADIR_OIDC_ISSUER"),
        ({"HADIR_OIDC_ISSUER": "https://a.example?x"}, "HADIR_OIDC_ISSUER"),
        ({"HADIR_OIDC_CLIENT_ID": "hadir"}, "HADIR_OIDC_CLIENT_ID: set HADIR_OIDC_ISSUER too"),
        ({"HADIR_OIDC_SCOPE": "profile"}, "HADIR_OIDC_SCOPE"),
        ({"HADIR_OIDC_MAX_AGE": "-1"}, "HADIR_OIDC_MAX_AGE"),
    ):
        with pytest.raises(SettingsError, match=told):
            load("reporting", given | more)
    settings = load("reporting", given | {"HADIR_OIDC_ACR_VALUES": "a, b"})
    assert settings.oidc_acr_values == ["a", "b"]
    bad, empty = tmp_path / "bad.toml", tmp_path / "empty"
    bad.write_text("otherwise = 'mayor'")
    empty.write_text("\n")
    for changes, told in (
        ({"oidc_mapping_file": bad}, "HADIR_OIDC_MAPPING_FILE: .*bad.toml: otherwise"),
        ({"oidc_client_secret_file": empty}, "HADIR_OIDC_CLIENT_SECRET_FILE: .*is empty"),
    ):
        with pytest.raises(SettingsError, match=told):
            async with rig_with(**changes):
                raise AssertionError("it must not start")


@pytest.mark.parametrize(("login", "hours"), [("clerk", 30 * 24), ("kepala", 8)])
async def test_staff_stay_signed_in_for_a_month_and_every_officer_for_a_working_day(
    rig: Rig, login: str, hours: int
) -> None:
    async with rig.browser() as browser:
        await rig.sign_in(browser, login)
        ends = next(one for one in browser.cookies.jar if one.name == "hadir_session").expires
        assert ends is not None
        assert (hours - 0.1) * 3600 < ends - time.time() <= hours * 3600
        who = await rig.who(browser)
        assert isinstance(who.subject, UUID)
        assert who.expires - time.time() < 20 * 60
