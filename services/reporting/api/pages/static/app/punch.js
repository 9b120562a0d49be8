// Checking in and out: one tap, written down at once, then sent. Runs on today's page and on the one without a network.

import { enliven } from "../acts.js";
import { tryNow } from "./app.js";
import { Place } from "./place.js";
import { add, drop, isHomeless, onChange, OtherPerson, receipts, send, SignedOut, unsent } from "./queue.js";
import { copyOf, date, deviceAhead, moment, say, serverNow, time } from "./said.js";
import { me, remember } from "./store.js";

const $ = (id) => document.getElementById(id);
const panel = $("punch");
const told = JSON.parse($("today")?.textContent ?? "null"); // what the server drew the page from; null without it

/** So long a second tap on any button is part of the first one. */
const BOUNCE_MS = 1500;
/** So long somebody waits for a position that is being looked for. */
const PATIENCE_MS = 2500;
/** This near to the deadline nobody waits. */
const HURRY_MS = 90_000;
/** A clock further off than this is worth a word (the server takes a time that is five minutes off as it is). */
const CLOCK_SKEW_MS = 300_000;

const whose = told ?? (await me().catch(() => undefined)) ?? null;
const workDate = told?.work_date ?? null;
if (told) await remember({ person: told.person, name: told.name, plans: told.plans, drawn_at: told.now }).catch(() => {});

// --- Where -------------------------------------------------------------------------------------------------------
const place = new Place((state, accuracy) => {
  const words = { seeking: "place.seeking", have: "place.have", rough: "place.rough", denied: "place.denied", none: "place.none" };
  $("position").textContent = say(words[state], { metres: Math.round(accuracy ?? 0) });
});
const useful = told ? told.place_useful : true;
if (useful && whose) place.seek();
else $("position").textContent = say("place.not_needed");
addEventListener("pagehide", () => place.stop());

function patience() {
  const left = Date.parse(told?.deadline ?? "") - serverNow();
  return left > -1000 && left < HURRY_MS ? 0 : PATIENCE_MS;
}

// --- What is shown -------------------------------------------------------------------------------------------------
function tell(text, kind = "") {
  const said = $("said");
  said.className = kind;
  said.textContent = text;
}

function describe({ at, zone, time_trust }) {
  const trust = time_trust === "unverified" ? ` · ${say("trust.unverified")}` : "";
  return `${say(`zone.${zone}`)}${trust}`;
}

function save(receipt) {
  const file = new Blob([JSON.stringify(receipt)], { type: "application/json" });
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(file),
    download: `hadir-${receipt.work_date}-${receipt.kind}-${receipt.punch_id.slice(0, 8)}.json`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function draw() {
  if (!whose) return;
  const list = $("recorded");
  const kept = await receipts(whose.person);
  const known = new Set();
  for (const row of list.querySelectorAll("li[data-punch]")) known.add(row.dataset.punch);
  for (const { receipt } of kept.sort((a, b) => Date.parse(a.receipt.at) - Date.parse(b.receipt.at))) {
    // Without the server's word on which date runs: what this phone had recorded since yesterday.
    const now = workDate ? receipt.work_date === workDate : Date.now() - Date.parse(receipt.received_at) < 86_400_000;
    if (!now) continue;
    let row = list.querySelector(`li[data-punch="${receipt.punch_id}"]`);
    if (!row) {
      row = copyOf("recorded-row", {
        kind: say(`punch.${receipt.kind}`), at: time(receipt.at), where: describe(receipt),
        date: workDate ? "" : date(receipt.at),
      });
      row.dataset.punch = receipt.punch_id;
      row.dataset.kind = receipt.kind;
      list.append(row);
    }
    if (!row.querySelector("[data-save]")) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: say("receipt.save") });
      button.dataset.save = "";
      button.addEventListener("click", () => save(receipt));
      row.append(button);
    }
  }
  $("none-recorded").hidden = list.children.length > 0;
  const queue = $("waiting");
  const open = await unsent(whose.person);
  queue.replaceChildren(...open.map((punch) => {
    const refused = punch.state === "refused";
    const row = copyOf("waiting-row", {
      kind: say(`punch.${punch.kind}`),
      at: `${moment(punch.made)} (${say("punch.device_time")})`,
      why: refused ? say("punch.refused", { why: punch.said }) : isHomeless(punch) ? say("punch.kept_in_page") : say("punch.kept"),
    });
    row.classList.toggle("is-not_met", refused);
    row.classList.toggle("homeless", isHomeless(punch));
    const act = row.querySelector("[data-refused]");
    act.hidden = !refused;
    act.querySelector("button").addEventListener("click", () => void drop(punch));
    return row;
  }));
  suggest();
}

const came = () => Boolean($("recorded").querySelector("li[data-kind=in]"));

/** The button that is likely meant is the one that stands out. */
function suggest() {
  for (const button of panel.querySelectorAll("button[data-kind]")) {
    button.classList.toggle("quiet", (button.dataset.kind === "in") === came());
  }
}

// --- The tap -------------------------------------------------------------------------------------------------------
const buttons = panel.querySelectorAll("button[data-kind]");
let busy = false;
let lastTap = -BOUNCE_MS;

const done = (kind) => Boolean($("recorded").querySelector(`li[data-kind=${kind}]:not(.voided)`));

async function record(kind, again) {
  busy = true;
  panel.setAttribute("aria-busy", "true");
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  tell(say("punch.working"));
  try {
    const position = useful ? await place.take(patience()) : null;
    const added = await add(whose.person, kind, position, again);
    const { receipt, refused, kept } = added.receipt ? added : await send(added.punch);
    if (receipt) {
      performance.mark("hadir:stored");
      const without = useful && receipt.zone === "unknown" ? ` ${say("place.without")}` : "";
      tell(say(`punch.recorded.${kind}`, { at: time(receipt.at), where: describe(receipt) }) + without, "done");
      place.stop();
      void renew(receipt.punch_id);
    } else if (refused) tell(say("punch.refused", { why: refused }), "wrong");
    else if (kept instanceof SignedOut) tell(say("punch.kept_signed_out"), "late");
    else if (kept instanceof OtherPerson) tell(say("punch.other_person"), "wrong");
    else tell(say(isHomeless(added.punch) ? "punch.kept_in_page" : "punch.kept"), "late");
    navigator.storage?.persist?.().catch(() => {});
    if (kept) await waitForNetwork();
    void tryNow();
  } catch (error) {
    tell(String(error?.message ?? error), "wrong");
    throw error;
  } finally {
    busy = false;
    lastTap = performance.now();
    panel.removeAttribute("aria-busy");
    await draw();
    setTimeout(() => { for (const button of buttons) button.removeAttribute("aria-disabled"); }, BOUNCE_MS);
  }
}

/** Has the worker hand over when there is a network again, even if this page is gone by then. */
async function waitForNetwork() {
  const worker = await navigator.serviceWorker?.getRegistration("/reporting/app/").catch(() => null);
  await worker?.sync?.register("punches").catch(() => {});
}

function tapped(kind) {
  if (busy || performance.now() - lastTap < BOUNCE_MS) return;
  lastTap = performance.now();
  if (!done(kind)) return void record(kind, false);
  const dialog = $("again");
  dialog.querySelector("[data-question]").textContent = say(`punch.again.${kind}`);
  dialog.returnValue = "";
  dialog.onclose = () => { if (dialog.returnValue === "yes") void record(kind, true); };
  dialog.showModal();
}

/** Reads today's page again until what was just recorded has come round, and puts its newer parts in place. */
async function renew(punchId) {
  if (!told) return;
  for (const wait of [600, 1500, 4000]) {
    await new Promise((go) => setTimeout(go, wait));
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) continue;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh.querySelector(`li[data-punch="${punchId}"]`)) continue;
    for (const id of ["due", "states"]) {
      const newer = fresh.getElementById(id);
      if (newer && $(id)) $(id).replaceWith(document.adoptNode(newer));
    }
    enliven();
    return;
  }
}

// --- Begin -----------------------------------------------------------------------------------------------------------
if (whose) {
  panel.hidden = false;
  for (const button of buttons) {
    button.addEventListener("click", () => tapped(button.dataset.kind));
    button.disabled = false;
  }
  performance.mark("hadir:ready");
  if (Math.abs(deviceAhead) > CLOCK_SKEW_MS) {
    $("clock").textContent = say("clock.wrong", { minutes: Math.round(Math.abs(deviceAhead) / 60_000) });
    $("clock").hidden = false;
  }
  addEventListener("beforeunload", (event) => { if (panel.querySelector(".homeless")) event.preventDefault(); });
  onChange(() => void draw());
  await draw();
} else {
  const nobody = $("nobody");
  if (nobody) nobody.hidden = false;
}
