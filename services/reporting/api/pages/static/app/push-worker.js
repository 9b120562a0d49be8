// The worker's part that shows what is pushed, and opens what it is about.

import { call } from "../doors.js";
import { forget, give, idOf, keyOf, subscribe } from "./subscribe.js";
import { me } from "./store.js";

const INBOX = "/reporting/app/inbox/";
const ICON = new URL("icon-192.png", import.meta.url).pathname;
/** What is shown of a push that cannot be read: a browser wants something shown for each. */
const UNREADABLE = {
  id: { title: "Pesan baru", text: "Buka Hadir untuk membacanya.", lang: "id" },
  en: { title: "A new message", text: "Open Hadir to read it.", lang: "en" },
}[self.navigator.language.startsWith("en") ? "en" : "id"];

function read(data) {
  try {
    const said = data.json();
    return typeof said.title === "string" && said.title ? said : UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}

/** A page of ours; what else a push may name leads to the inbox. */
function ours(link) {
  const { origin, pathname, search } = new URL(link ?? INBOX, self.location.origin);
  return origin === self.location.origin && pathname.startsWith("/reporting/") ? pathname + search : INBOX;
}

self.addEventListener("push", (event) => {
  event.waitUntil((async () => {
    const said = read(event.data);
    await self.registration.showNotification(said.title, {
      body: said.text,
      lang: said.lang,
      icon: ICON,
      badge: ICON,
      tag: said.tag ?? "hadir",
      renotify: true,
      timestamp: Date.parse(said.at) || Date.now(),
      requireInteraction: Boolean(said.acknowledge),
      data: { link: ours(said.link), ids: said.ids ?? [] },
    });
    for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage({ hadir: "pushed" });
  })());
});

async function open(link) {
  for (const page of await self.clients.matchAll({ type: "window" })) {
    if (!new URL(page.url).pathname.startsWith("/reporting/app/")) continue;
    // An old worker's page cannot be led elsewhere by this one, and a browser may let none be brought forward.
    const shown = await page.focus().then(() => page.navigate(link)).catch(() => null);
    if (shown) return;
  }
  await self.clients.openWindow(link);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { link, ids } = event.notification.data ?? { link: INBOX, ids: [] };
  event.waitUntil(Promise.all([
    open(link),
    // Whoever is signed in by now: another's messages are not there for them.
    ...ids.map((id) => call("POST", `/notifications/v1/me/inbox/${encodeURIComponent(id)}/read`).catch(() => {})),
  ]));
});

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil((async () => {
    const owner = await me();
    if (!owner) return;
    const options = { person: owner.person };
    if (event.newSubscription) await give(event.newSubscription, options);
    else {
      const key = await keyOf(options);
      if (key) await subscribe(self.registration, key, options);
    }
    if (event.oldSubscription) await forget(await idOf(event.oldSubscription), options);
  })());
});
