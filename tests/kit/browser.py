"""A real browser for tests of pages: Chromium, signed in; what axe finds; the four services behind one port."""

import asyncio
import contextlib
import io
import json
import os
import shutil
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from deploy.links import sign_in_link
from deploy.local.front import Front
from tests.kit.doors import City
from tests.kit.npm import npm_home

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
PHONE = {"width": 360, "height": 760}
DESK = {"width": 1280, "height": 900}
MOST_PICTURE_BYTES = 150_000
_DOCS = Path(__file__).parents[2] / "docs"
_AXE = Path(__file__).with_name("axe")


def chromium_path() -> str:
    """The browser: PLAYWRIGHT_CHROMIUM, else `chromium` on the PATH, else where Debian puts it."""
    return os.environ.get("PLAYWRIGHT_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def one_port(city: City) -> AsyncGenerator[str]:
    """All services behind one port, as behind the front of a real system; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Front({str(name): app for name, app in city.apps.items()}),
        log_config=None,
        access_log=False,
        lifespan="off",  # the services live already
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if serving.done():
                await serving
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        listener.close()


async def window(browser: Browser, size: dict[str, int], **how: Any) -> BrowserContext:
    """A browser of somebody's own, in Bahasa Indonesia."""
    return await browser.new_context(viewport=size, locale="id-ID", **how)  # pyright: ignore[reportArgumentType]


async def sign_in(context: BrowserContext, url: str, token: str) -> Page:
    """A page of the context, come to by the sign-in link of whom `token` stands for."""
    page = await context.new_page()
    await page.goto(await asyncio.to_thread(sign_in_link, url, token))
    await page.get_by_role("button", name="Masuk").click()
    await page.wait_for_url(lambda address: "/login" not in address)
    return page


async def findings(page: Page, *rules: str) -> list[str]:
    """What axe finds wrong with the page as it stands, by all rules or those named: rule, places, the first."""
    source = (npm_home(_AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    await page.evaluate(source)
    found: dict[str, Any] = json.loads(
        await page.evaluate(
            "rules => axe.run(document, rules.length ? {runOnly: rules} : {})"
            ".then(found => JSON.stringify({violations: found.violations}))",
            list(rules),
        )
    )
    return [
        f"{one['id']} ({len(one['nodes'])}): {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary']}"
        for one in found["violations"]
    ]


async def settled(page: Page) -> None:
    """Wait until every list of the page has been shown."""
    await expect(page.locator("[data-list][aria-busy]")).to_have_count(0)


async def width(page: Page) -> int:
    """How wide the page is, without scrolling: no wider than its window where it fits."""
    return await page.evaluate("document.documentElement.scrollWidth")


async def presentable(page: Page, size: dict[str, int]) -> list[str]:
    """What is wrong with the looks of the page in a window of this size: what axe finds, by night in its colours
    too, and whatever is wider than the window."""
    found = await findings(page)
    await page.emulate_media(color_scheme="dark")
    found += await findings(page, "color-contrast")
    await page.emulate_media(color_scheme="light")
    wide = await width(page)
    return found if wide == size["width"] else [*found, f"{wide} px wide"]


async def weight(page: Page) -> int:
    """How many bytes it took to show the page: itself and all it has fetched, as they came over the line."""
    return await page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
    )


async def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """What the page shows, as a PNG of 256 colours in docs/."""
    drawn = Image.open(io.BytesIO(await page.screenshot(full_page=whole)))
    file = _DOCS / f"{name}.png"
    drawn.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(file, optimize=True)
    assert file.stat().st_size < MOST_PICTURE_BYTES, name
