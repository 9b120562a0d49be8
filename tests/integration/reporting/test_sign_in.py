"""A browser signs in by a code that opens once; its session only reads, stays on its site, and ends when told."""

import asyncio
import datetime as dt
import re
from typing import Any

import httpx
import pytest

from deploy.links import LinkFailed, sign_in_link
from services.reporting.api import stream
from tests.kit.reporting import DAY, ITEMS, Running, Staff

WORDS = {"Accept-Language": "id"}


async def link(service: Running, role: Any = "council", **claims: Any) -> str:
    return await asyncio.to_thread(sign_in_link, service.url, service.signer.token(role, **claims))


def code_of(url: str) -> str:
    return url.partition("code=")[2]


async def opened(
    service: Running, browser: httpx.AsyncClient, role: Any = "council", **claims: Any
) -> httpx.Response:
    code = code_of(await link(service, role, **claims))
    return await browser.post("/reporting/login", data={"code": code}, headers={"Sec-Fetch-Site": "same-origin"})


async def test_a_link_holds_a_code_that_opens_one_session_once(service: Running) -> None:
    url = await link(service)
    assert re.fullmatch(rf"{service.url}/reporting/login\?code=[\w-]{{32}}", url)
    async with httpx.AsyncClient(base_url=service.url) as browser:
        for _ in range(2):  # looking at the link, as programs that preview links do, uses nothing up
            page = await browser.get(url)
            assert page.status_code == 200
            assert 'method="post"' in page.text
            assert "set-cookie" not in page.headers
            assert page.headers["cache-control"] == "no-store"
        answers = await asyncio.gather(
            *(browser.post("/reporting/login", data={"code": code_of(url)}) for _ in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [303, 401, 401, 401]
        cookie = next(one for one in answers if one.status_code == 303).headers["set-cookie"].lower()
        for said in ("httponly", "samesite=strict", "path=/reporting", "max-age="):
            assert said in cookie
        assert "secure" not in cookie
        assert code_of(url).lower() not in cookie
        assert (await browser.get("/reporting/v1/city")).status_code == 200
        page = await browser.get("/reporting/")
        assert "Siapa bekerja di mana" in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "style=" not in page.text
        english = await browser.get("/reporting/", headers={"Accept-Language": "en-GB"})
        assert "Who works where" in english.text


async def test_a_link_names_the_address_at_which_the_installation_is_reached(service: Running) -> None:
    running = service.app.state.service
    running.settings = running.settings.model_copy(update={"public_url": "https://hadir.contoh.go.id/"})
    assert re.fullmatch(r"https://hadir\.contoh\.go\.id/reporting/login\?code=[\w-]{32}", await link(service))


@pytest.mark.parametrize("page", ["app/", "desk/team"])
async def test_a_service_with_a_server_of_its_own_leads_a_stranger_to_the_sign_in(
    service: Running, page: str
) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        answer = await browser.get(f"/reporting/{page}")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/reporting/login?to=")


async def test_a_token_has_no_place_in_an_address(service: Running) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        answer = await browser.get("/reporting/login", params={"token": service.signer.token("council")})
        assert answer.status_code == 422
        assert "set-cookie" not in answer.headers
        welcome = await browser.get("/reporting/")
        assert "hadir link --role bkpsdm" in welcome.text
        for form in ({"token": "nonsense"}, {"code": "nonsense"}, {"code": ""}, {}):
            bad = await browser.post("/reporting/login", data=form)
            assert (bad.status_code, "set-cookie" in bad.headers) == (401, False)
        pasted = await browser.post("/reporting/login", data={"token": service.signer.token("council")})
        assert pasted.status_code == 303


async def test_a_code_and_a_session_end_by_the_clock(service: Running) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        old = code_of(await link(service))
        await opened(service, browser)
        past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
        async with service.db.transaction() as tx:
            await tx.connection.execute("update sign_in_code set expires_at = $1", past)
            await tx.connection.execute("update browser_session set expires_at = $1", past)
        assert (await browser.post("/reporting/login", data={"code": old})).status_code == 401
        assert (await browser.get("/reporting/v1/city")).status_code == 401
        await link(service)
        async with service.db.read() as tx:
            assert await tx.connection.fetchval("select count(*) from browser_session") == 0


async def test_signing_out_ends_the_session_wherever_its_cookie_is(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.2)
    async with (
        httpx.AsyncClient(base_url=service.url) as browser,
        httpx.AsyncClient(base_url=service.url) as thief,
    ):
        await opened(service, browser)
        thief.cookies = browser.cookies
        stolen = dict(thief.cookies)
        assert (await thief.get("/reporting/v1/city", cookies=stolen)).status_code == 200
        async with asyncio.timeout(20), browser.stream("GET", "/reporting/v1/stream") as told:
            lines = told.aiter_lines()
            await anext(lines)
            out = await thief.post("/reporting/logout", headers={"Origin": service.url, **stolen})
            assert out.status_code == 303
            async for _ in lines:
                pass  # what was open ends too
        assert (await thief.get("/reporting/v1/city", headers=stolen)).status_code == 401


async def test_a_session_reads_and_changes_nothing(service: Running, staff: Staff) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        await opened(service, browser, "staff", subject=staff.clerk)
        for headers in ({}, {"Origin": service.url}, {"Sec-Fetch-Site": "same-origin"}):
            put = await browser.put(f"/reporting/v1/me/reports/{DAY}", json={"items": ITEMS}, headers=headers)
            assert put.status_code == 403
            assert "Bearer" in put.json()["detail"]
        assert (await browser.get(f"/reporting/v1/me/reports/{DAY}")).status_code == 404
        made = await browser.post("/reporting/v1/sign-in-links")
        assert made.status_code == 401  # a session makes no other sessions


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://other.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
)
async def test_another_site_signs_nobody_in_or_out(service: Running, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        await opened(service, browser)
        form = {"token": service.signer.token("council")}
        assert (await browser.post("/reporting/login", data=form, headers=headers)).status_code == 403
        assert (await browser.post("/reporting/logout", headers=headers)).status_code == 403
        assert (await browser.get("/reporting/v1/city")).status_code == 200


async def test_by_https_the_cookie_is_secure(service: Running) -> None:
    async with httpx.AsyncClient(base_url=service.url, headers={"X-Forwarded-Proto": "https"}) as browser:
        answer = await opened(service, browser)
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_forged_session_is_no_session(service: Running) -> None:
    async with httpx.AsyncClient(base_url=service.url) as browser:
        for value in ("", "x", "x" * 4000, service.signer.token("bkpsdm"), "%00", '"; drop'):
            answer = await browser.get("/reporting/v1/city", headers={"Cookie": f"hadir_session={value}"})
            assert answer.status_code == 401


async def test_who_makes_no_link_says_what_to_do() -> None:
    with pytest.raises(LinkFailed, match="See that the system runs"):
        await asyncio.to_thread(sign_in_link, "http://127.0.0.1:9", "t")
