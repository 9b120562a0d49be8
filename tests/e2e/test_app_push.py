"""Messages as they come: on the open inbox, and pushed to the browser's worker.

Real: the stream, the doors, the worker and what it shows of a push (delivered decrypted, by the browser's own
debugger). Not real: the push service of the browser's maker, which no test reaches; where one is needed,
`PushManager` is played with a real key.
"""

import json
from typing import Any
from uuid import UUID, uuid4

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, expect

from services.notifications.domain.news import Notice
from services.notifications.store import notices
from services.notifications.views.push import payload
from services.notifications.views.wording import Worded
from tests.kit.phone import NOW, Town, phone_of
from tests.kit.reporting import DAY

INBOX = "/reporting/app/inbox/"

# A browser whose maker's push service answers: a subscription with a key of its own.
SUBSCRIBES = """(() => {
  let held = null;
  const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  PushManager.prototype.getSubscription = async () => held;
  PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    if (!userVisibleOnly) throw new DOMException("", "NotAllowedError");
    const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
    const p256dh = text(await crypto.subtle.exportKey("raw", pair.publicKey));
    const auth = text(crypto.getRandomValues(new Uint8Array(16)));
    const endpoint = `https://push.example.com/${crypto.randomUUID()}`;
    held = {
      endpoint, options: { applicationServerKey: applicationServerKey.buffer },
      toJSON: () => ({ endpoint, keys: { p256dh, auth } }),
      unsubscribe: async () => { held = null; return true; },
    };
    return held;
  };
})();"""


async def tell(town: Town, who: UUID) -> UUID:
    told = Notice(who, "report.accepted", uuid4(), {"work_date": str(DAY), "report_revision": 1})
    async with town.city.apps["notifications"].state.service.db.transaction() as tx:
        await notices.deliver(tx, [told], NOW, going=[], fixed=[])
    return told.id


async def unread(town: Town, who: UUID) -> int:
    headers = town.city.signer.headers("staff", who)
    return (await town.city.client.get("/notifications/v1/me/inbox", headers=headers)).json()["unread"]


async def followed(page: Page, town: Town) -> None:
    await page.goto(f"{town.url}{INBOX}")
    await page.wait_for_selector("body[data-followed=yes]")


async def test_a_message_appears_on_the_open_inbox_once_also_after_a_lost_line(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    await followed(page, town)
    before = await unread(town, someone)  # of their plans
    await tell(town, someone)
    rows = page.locator("#messages > li", has_text="Laporan kerja diterima")
    badge = page.locator("#unread b")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Laporan kerja diterima")
    await expect(rows).to_contain_text("Anda menerima pesan ini karena")
    await expect(badge).to_have_text(f"{before + 1}")
    # Without a network nothing comes; what came meanwhile is there when it is back, and nothing twice.
    other = await context.new_page()
    await followed(other, town)
    await page.bring_to_front()
    await context.set_offline(True)
    await tell(town, someone)
    await context.set_offline(False)
    await expect(rows).to_have_count(2)
    await expect(badge).to_have_text(f"{before + 2}")
    # Read here, it is read in the other tab.
    await rows.first.get_by_role("button", name="Sudah dibaca").click()
    await expect(badge).to_have_text(f"{before + 1}")
    await other.bring_to_front()
    there = other.locator("#messages > li", has_text="Laporan kerja diterima")
    await expect(there).to_have_count(2)
    await expect(there.first).not_to_contain_class("unread")
    await expect(there.last).to_contain_class("unread")
    await page.bring_to_front()
    await rows.first.get_by_role("link", name="Buka halamannya").click()
    await page.wait_for_url(f"**/days/{DAY}")
    await context.close()


async def worker_of(context: BrowserContext, page: Page) -> tuple[CDPSession, str]:
    """The browser's debugger of workers, and the registration of ours, which is active."""
    await page.evaluate("navigator.serviceWorker.ready")
    debugger = await context.new_cdp_session(page)
    found: list[dict[str, Any]] = []

    def told(event: dict[str, Any]) -> None:
        found.extend(event["registrations"])

    debugger.on("ServiceWorker.workerRegistrationUpdated", told)  # pyright: ignore[reportUnknownMemberType]
    await debugger.send("ServiceWorker.enable")  # pyright: ignore[reportUnknownMemberType]
    for _ in range(100):
        if found:
            break
        await page.wait_for_timeout(50)
    return debugger, found[-1]["registrationId"]


async def notified(page: Page, tag: str) -> dict[str, Any]:
    """What the worker shows under a tag, once it does."""
    return await page.evaluate(
        """async (tag) => {
          const registration = await navigator.serviceWorker.ready;
          for (let turn = 0; turn < 200; turn += 1) {
            const [shown] = await registration.getNotifications({ tag });
            if (shown) return { title: shown.title, body: shown.body, lang: shown.lang, data: shown.data };
            await new Promise((go) => setTimeout(go, 50));
          }
          return null;
        }""",
        tag,
    )


async def test_the_worker_shows_what_is_pushed_and_its_opening_reads_the_message(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    await context.grant_permissions(["notifications"], origin=town.url)
    debugger, registration = await worker_of(context, page)

    async def push(data: str) -> None:
        given = {"origin": town.url, "registrationId": registration, "data": data}
        await debugger.send("ServiceWorker.deliverPushMessage", given)  # pyright: ignore[reportUnknownMemberType]

    told = await tell(town, someone)
    link = f"/reporting/app/days/{DAY}"
    message = Worded(
        told, "report.accepted", "id", "Laporan diterima", "Laporan Anda diterima.", "", link, NOW, {}, None
    )
    await push(payload([message]).decode())
    shown = await notified(page, str(told))
    assert shown == {
        "title": "Laporan diterima",
        "body": "Laporan Anda diterima.",
        "lang": "id",
        "data": {"link": link, "ids": [str(told)]},
    }
    before = await unread(town, someone)
    await expect(page.locator("#unread b")).to_have_text(f"{before}")  # counted anew, without a reload
    # The same again takes its own place.
    await push(payload([message]).decode())
    await push(
        json.dumps({"title": "Lain", "text": "x", "tag": "lain", "link": "https://evil.example/", "ids": []})
    )
    assert (await notified(page, "lain"))["data"] == {"link": INBOX, "ids": []}
    assert (
        await page.evaluate(
            "navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((all) => all.length)"
        )
        == 2
    )
    # What cannot be read is shown as a message all the same.
    await push("no JSON")
    assert (await notified(page, "hadir"))["title"] == "Pesan baru"
    # Opening it reads it. Only a tap on the real notification may open a window: that part is refused here.
    [worker] = context.service_workers
    await worker.evaluate(
        """async (tag) => {
          const [notification] = await self.registration.getNotifications({ tag });
          self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
        }""",
        str(told),
    )
    for _ in range(100):
        if await unread(town, someone) < before:
            break
        await page.wait_for_timeout(50)
    assert await unread(town, someone) == before - 1
    await context.close()


async def devices(town: Town, who: UUID) -> list[str]:
    headers = town.city.signer.headers("staff", who)
    found = await town.city.client.get("/notifications/v1/me/push-subscriptions", headers=headers)
    return [one["label"] for one in found.json()["items"]]


async def test_pushes_are_turned_on_by_a_tap_and_end_with_a_sign_out(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    await context.add_init_script(SUBSCRIBES)
    await context.grant_permissions(["notifications"], origin=town.url)
    await page.goto(f"{town.url}/reporting/app/me/")
    await page.evaluate("navigator.serviceWorker.ready")
    assert await devices(town, someone) == []  # nothing without a tap
    on, off = page.locator("#push-on"), page.locator("#push-off")
    await on.click()
    await expect(page.locator("#push-said")).to_have_text("Aktif di perangkat ini.")
    await expect(page.locator("#push-devices")).to_contain_text("(perangkat ini)")
    assert len(await devices(town, someone)) == 1
    await off.click()
    await expect(on).to_be_visible()
    assert await devices(town, someone) == []
    await on.click()
    await expect(off).to_be_visible()
    await page.locator("form[data-sign-out] button").click()
    await page.wait_for_url(lambda address: "/app/" not in address)
    assert await devices(town, someone) == []
    await context.close()


async def test_where_the_browser_does_not_push_the_page_says_why(
    town: Town, browser: Browser, someone: UUID
) -> None:
    context, page = await phone_of(browser, town, someone)
    await page.goto(f"{town.url}/reporting/app/me/")
    said = page.locator("#push-said")
    # Chromium without a leave, then with one and without the push service of its maker.
    await context.grant_permissions(["notifications"], origin=town.url)
    await page.reload()
    await page.evaluate("navigator.serviceWorker.ready")
    await page.locator("#push-on").click()
    await expect(said).to_contain_text("Layanan pemberitahuan peramban tidak menjawab")
    await expect(page.locator("#push-on")).to_be_visible()
    assert await devices(town, someone) == []
    await context.close()
