// The worker's part that opens the app without a network. It keeps files and one page that is the same for everybody:
// nothing that was drawn for a person.

const version = new URL(import.meta.url).pathname.split("/")[3];
const CACHE = `hadir-app-${version}`;
const base = `/reporting/static/${version}/`;
const FILES = [
  "base.css", "icon.svg", "doors.js", "acts.js", "ids.js", "app/app.css", "app/app.js", "app/punch.js", "app/shell.js",
  "app/store.js", "app/queue.js", "app/place.js", "app/said.js", "app/keep.js", "app/subscribe.js", "app/push-worker.js",
].map((name) => base + name);
const shell = (language) => `/reporting/app/offline?lang=${language}`;
/** So long a page may take to come before the one without a network is shown instead. */
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    const all = [...FILES, shell("id"), shell("en")];
    await cache.addAll(all.map((path) => new Request(path, { cache: "reload", credentials: "omit" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("hadir-app-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

async function page(request) {
  const slow = new Promise((go) => setTimeout(go, PATIENCE_MS));
  const answer = await Promise.race([fetch(request), slow]).catch(() => undefined);
  if (answer && ![502, 503, 504].includes(answer.status)) return answer;
  const asked = new URL(request.url).searchParams.get("lang");
  const language = asked ?? (self.navigator.language.startsWith("en") ? "en" : "id");
  return (await caches.match(shell(language === "en" ? "en" : "id"))) ?? Response.error();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (pathname.startsWith("/reporting/app/")) event.respondWith(page(request));
  } else if (pathname.startsWith(base)) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});
