// Check-ins and check-outs from the tap to the receipt. Each is written down first, with an id given once, and then
// sent; what cannot be sent waits and is handed over later, in order, by whichever tab or worker comes first. The id
// makes the same one again the same one, so nothing is recorded twice whoever hands over.

import { Away, call, OtherPerson, Refused, SignedOut, whoever } from "../doors.js";
import { freshId } from "../ids.js";
import { ask, of, within } from "./store.js";

/** Two taps on the same button within so many milliseconds are one, in one tab or in two. */
export const ONE_TAP_MS = 60_000;
const AT_ONCE = 100;
const RECEIPTS_KEPT = 200;
const PATIENCE_MS = 10_000;

const homeless = []; // what no store took: it lives as long as this page
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("hadir") : null;
const listeners = new Set();

/** Calls `what` whenever the queue or the receipts change, in this tab or another. */
export function onChange(what) {
  listeners.add(what);
}
channel?.addEventListener("message", () => { for (const what of listeners) what(); });
function changed() {
  channel?.postMessage("changed");
  for (const what of listeners) what();
}

const bodyOf = ({ punch_id, kind, device_at, position }) => ({ punch_id, kind, device_at, position });
const lockOf = (punch) => `hadir-punch-${punch.punch_id}`;

function locked(name, what) {
  // Without locks the ids alone keep things apart: the same id is the same punch.
  return navigator.locks ? navigator.locks.request(name, what) : what();
}

/** A refusal that no later attempt will change: of the punch, not of the moment. */
function isFinal(status) {
  return status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
}

/**
 * Writes a punch down. Answers {punch} for a new one, {punch} or {receipt} with `twin` for one that was tapped a moment
 * ago; `again`: that is known, and meant.
 */
export async function add(person, kind, position, again = false) {
  const punch = {
    punch_id: freshId(), person, kind, device_at: new Date().toISOString(), position, made: Date.now(),
    state: "waiting", said: null,
  };
  try {
    const added = await within(["punches", "receipts"], "readwrite", async (store) => {
      const near = (one) =>
        one.kind === kind && one.state !== "refused" && Math.abs(one.made - punch.made) < ONE_TAP_MS;
      if (!again) {
        const kept = (await ask(store("receipts").index("person").getAll(person))).find(near);
        if (kept) return { receipt: kept.receipt, twin: true };
        const waiting = (await ask(store("punches").index("person").getAll(person))).find(near);
        if (waiting) return { punch: waiting, twin: true };
      }
      punch.order = await ask(store("punches").add(punch));
      return { punch };
    });
    changed();
    return added;
  } catch {
    // The phone is full, or keeps nothing for private windows: it is sent all the same, and the page says so.
    homeless.push(punch);
    changed();
    return { punch };
  }
}

/** Whether a punch lives in this page alone. */
export function isHomeless(punch) {
  return homeless.includes(punch);
}

/** What of somebody waits or was refused, in order. */
export async function unsent(person) {
  const kept = await of("punches", person).catch(() => []);
  return [...kept, ...homeless.filter((punch) => punch.person === person)];
}

/** What the server has confirmed to somebody and this phone still keeps. */
export function receipts(person) {
  return of("receipts", person).catch(() => []);
}

async function settle(punch, receipt) {
  const at = homeless.indexOf(punch);
  if (at >= 0) homeless.splice(at, 1);
  const { punch_id, person, kind, made, order } = punch;
  // Where this fails the punch waits on, and gets the same receipt for the same id.
  await within(["punches", "receipts"], "readwrite", async (store) => {
    if (order !== undefined) await ask(store("punches").delete(order));
    await ask(store("receipts").put({ punch_id, person, kind, made, receipt }));
    const all = await ask(store("receipts").index("person").getAll(person));
    all.sort((a, b) => a.made - b.made);
    for (const old of all.slice(0, -RECEIPTS_KEPT)) store("receipts").delete(old.punch_id);
  }).catch(() => {});
  changed();
}

async function refuse(punch, said) {
  Object.assign(punch, { state: "refused", said });
  if (punch.order !== undefined) {
    await within(["punches"], "readwrite", (store) => ask(store("punches").put(punch))).catch(() => {});
  }
  changed();
}

/** Takes a refused punch off the list: its owner has read why. */
export async function drop(punch) {
  const at = homeless.indexOf(punch);
  if (at >= 0) homeless.splice(at, 1);
  else await within(["punches"], "readwrite", (store) => ask(store("punches").delete(punch.order)));
  changed();
}

/** Sends one punch now. Answers {receipt}, {refused: words}, or {kept: why} where it waits. */
export async function send(punch) {
  return locked(lockOf(punch), async () => {
    const gone = new AbortController();
    const patience = setTimeout(() => gone.abort(), PATIENCE_MS);
    try {
      if ((await whoever()) !== punch.person) throw new OtherPerson();
    } catch (error) {
      clearTimeout(patience);
      return { kept: error };
    }
    try {
      const how = { person: punch.person, signal: gone.signal, keepalive: true };
      const receipt = await call("POST", "/attendance/v1/punches", bodyOf(punch), how);
      await settle(punch, receipt);
      return { receipt };
    } catch (error) {
      if (error instanceof Refused && isFinal(error.status)) {
        await refuse(punch, error.message);
        return { refused: error.message };
      }
      if (gone.signal.aborted) return { kept: new Away("too slow") };
      return { kept: error };
    } finally {
      clearTimeout(patience);
    }
  });
}

/**
 * Hands over what waits of whoever is signed in, oldest first: of nobody else. Answers how many still wait, and after
 * how many seconds to try again where the server says so. Throws Away or SignedOut where nothing can be handed over.
 */
export async function handOver() {
  return locked("hadir-queue", async () => {
    const everyone = await within(["punches"], "readonly", (store) => ask(store("punches").getAll())).catch(() => []);
    if (![...everyone, ...homeless].some((punch) => punch.state === "waiting")) return { waiting: 0 };
    const person = await whoever();
    const tried = new Set();
    let retryAfter = null;
    for (;;) {
      // Whatever a tab is just sending has that tab's lock: it is recorded as of now, not as of later.
      const held = new Set(((await navigator.locks?.query())?.held ?? []).map((lock) => lock.name));
      const waiting = (await unsent(person)).filter((punch) => punch.state === "waiting" && !held.has(lockOf(punch)));
      const next = waiting.filter((punch) => !tried.has(punch.punch_id)).slice(0, AT_ONCE);
      if (next.length === 0) return { waiting: waiting.length, retryAfter };
      for (const punch of next) tried.add(punch.punch_id);
      let answer;
      try {
        answer = await call("POST", "/attendance/v1/punches/batch", { punches: next.map(bodyOf) }, { person });
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return { waiting: waiting.length, retryAfter: error.retryAfter };
      }
      for (const [index, { status, receipt, problem }] of answer.items.entries()) {
        if (receipt) await settle(next[index], receipt);
        else if (isFinal(status)) await refuse(next[index], problem.detail ?? problem.title);
      }
    }
  });
}

export { Away, OtherPerson, SignedOut };
