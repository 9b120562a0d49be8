// On every page of the app: the worker that opens it without a network, the handing over of what waits, the state of the
// connection, signing out, installing.

import { enliven } from "../acts.js";
import { call } from "../doors.js";
import { Away, handOver, onChange, SignedOut, unsent } from "./queue.js";
import { say } from "./said.js";
import { forget, me } from "./store.js";
import { keep, leave } from "./keep.js";

const person = document.querySelector("meta[name=person]")?.content ?? (await me().catch(() => undefined))?.person;
const FIRST_RETRY_S = 5;
const LAST_RETRY_S = 300;

// --- The worker ----------------------------------------------------------------------------------------------
async function register() {
  if (!navigator.serviceWorker) return;
  const worker = await navigator.serviceWorker.register("/reporting/app/sw.js", {
    scope: "/reporting/app/", type: "module", updateViaCache: "none",
  });
  await worker.sync?.register("punches").catch(() => {});
}
register().catch(() => {}); // no https, or an old browser: the app works with a network only

// --- What waits ----------------------------------------------------------------------------------------------
const state = document.getElementById("state");
const stateText = document.getElementById("state-text");

function show(kind, text) {
  if (!state) return;
  state.className = `state ${kind}`;
  if (stateText.textContent !== text) stateText.textContent = text;
}

let retry = null;
let pause = FIRST_RETRY_S;
let known = navigator.onLine ? "online" : "offline";

async function showWaiting() {
  const waiting = person ? (await unsent(person)).filter((punch) => punch.state === "waiting").length : 0;
  if (waiting) {
    show("late", waiting === 1 ? say("punch.waiting_one") : say("punch.waiting", { n: waiting }));
  } else show(known === "offline" ? "lost" : "live", known === "offline" ? say("offline") : say("online"));
  return waiting;
}

export async function tryNow() {
  clearTimeout(retry);
  let after = null;
  try {
    ({ retryAfter: after } = await handOver());
    known = "online";
  } catch (error) {
    if (error instanceof Away) known = "offline";
    else if (error instanceof SignedOut) return void (await showWaiting());
    else console.warn(error);
  }
  if (await showWaiting()) {
    retry = setTimeout(tryNow, (after ?? pause) * 1000);
    pause = Math.min(pause * 2, LAST_RETRY_S);
  } else pause = FIRST_RETRY_S;
}

onChange(() => void showWaiting());
window.addEventListener("online", () => { pause = FIRST_RETRY_S; known = "online"; void tryNow(); });
window.addEventListener("offline", () => { known = "offline"; void showWaiting(); });
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") void tryNow(); });
void tryNow();

// --- Messages that wait to be read ---------------------------------------------------------------------------
const unread = document.getElementById("unread");
function count() {
  call("GET", "/notifications/v1/me/inbox?limit=1").then((inbox) => {
    unread.hidden = !inbox.unread;
    unread.firstElementChild.textContent = inbox.unread;
  }, () => {});
}
if (unread && person) {
  count();
  navigator.serviceWorker?.addEventListener("message", ({ data }) => { if (data?.hadir === "pushed") count(); });
  void keep(person).catch(() => {}); // without a network, or signed out: at the next page
}

// --- Signing out ---------------------------------------------------------------------------------------------
for (const form of document.querySelectorAll("form[data-sign-out]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void (async () => {
      const waiting = person ? (await unsent(person)).filter((punch) => punch.state === "waiting").length : 0;
      const words = waiting === 1 ? say("leave.unsent_one") : say("leave.unsent", { n: waiting });
      if (waiting && !window.confirm(words)) return;
      await leave().catch(() => {});
      await forget(person).catch(() => {});
      form.submit();
    })();
  });
  form.hidden = false;
}

// --- Installing ----------------------------------------------------------------------------------------------
window.addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  const place = document.getElementById("install");
  if (!place) return;
  place.hidden = false;
  place.querySelector("button").addEventListener("click", () => { place.hidden = true; void event.prompt(); });
});

enliven();
