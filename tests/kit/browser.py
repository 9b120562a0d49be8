"""A real browser, and the four services behind one port for it to talk to."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from deploy.links import sign_in_link
from deploy.local.front import Front
from shared.access import Role
from shared.clock import FixedClock
from shared.events import TOPICS
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
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
AXE = Path(__file__).parent / "axe"
"""The package.json of axe-core, whose version is pinned there."""


def chromium_path() -> str:
    """The browser: PLAYWRIGHT_CHROMIUM, else `chromium` on the PATH, else where Debian puts it."""
    return os.environ.get("PLAYWRIGHT_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


@asynccontextmanager
async def browsing() -> AsyncGenerator[Browser]:
    """A browser with nothing in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def behind_one_port(apps: Mapping[Any, FastAPI]) -> AsyncGenerator[str]:
    """The address of services that run already, behind one port as in a local system."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        Front(apps), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
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


@dataclass
class Town:
    """The services in this process, and where a browser finds them."""

    city: City
    url: str
    clock: FixedClock
    told: dict[str, int] = field(default_factory=dict[str, int])

    async def link(self, role: Role = "staff", subject: UUID | None = None, opd: str | None = None) -> str:
        """A sign-in link for somebody."""
        token = self.city.signer.token(role, subject, opd)
        return await asyncio.to_thread(sign_in_link, self.url, token)

    async def tell(self) -> None:
        """Carry what the services have promised since the last time to those who read it, as Kafka would."""
        for name, app in self.city.apps.items():
            async with app.state.service.db.read() as tx:
                rows = await tx.connection.fetch(
                    "select id, topic, value from outbox where id > $1 order by id",
                    self.told.get(name, 0),
                )
            for row in rows:
                self.told[name] = row["id"]
                await self.city.know(TOPICS[row["topic"]].event.model_validate_json(row["value"]))


async def signed_in(page: Page, link: str) -> Page:
    """The page after its browser was signed in by a link, wherever that leads."""
    await page.goto(link)
    await page.get_by_role("button", name="Masuk").click()
    await page.wait_for_load_state()
    return page


def skewed(milliseconds: int) -> str:
    """A script that puts a page's clock so far ahead."""
    return f"""(() => {{
      const Real = Date;
      globalThis.Date = class extends Real {{
        constructor(...given) {{ if (given.length) super(...given); else super(Real.now() + {milliseconds}); }}
        static now() {{ return Real.now() + {milliseconds}; }}
      }};
    }})();"""


async def complaints_of_axe(page: Page) -> list[str]:
    """What axe finds wrong with a page for people who see, hear or move otherwise; none is how it should be."""
    source = (npm_home(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    await page.evaluate(source)  # by the debugger, which the Content-Security-Policy does not bind
    found: dict[str, Any] = await page.evaluate("axe.run()")
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


async def sideways(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


async def context_of(browser: Browser, size: Mapping[str, int] = PHONE, **how: Any) -> BrowserContext:
    """A browser of somebody's own, in Bahasa Indonesia."""
    return await browser.new_context(locale="id-ID", viewport=dict(size), **how)  # pyright: ignore[reportArgumentType]
