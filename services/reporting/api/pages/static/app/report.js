// The editor of a report, or of an intention. What is typed is kept on this phone at once and as a draft a moment later;
// where somebody has written the same in another tab or on another phone, they are asked which one is to stay.

import { once, told } from "../acts.js";
import { call, Refused } from "../doors.js";
import { Items } from "./items.js";
import { moment, say, time } from "./said.js";
import { ask, within } from "./store.js";

const $ = (id) => document.getElementById(id);
const work = JSON.parse($("work").textContent);
const isReport = work.what === "report";
const base = `/reporting/v1/me/reports/${work.date}`;
const key = `${work.person} ${work.what} ${work.date}`;
const PAUSE_MS = 1200;

let savedAt = work.saved_at; // of the draft that this page goes on from
let pause = null;
let dirty = false;

const items = new Items(work, changed);
const saved = (code, places) => { $("saved").textContent = say(code, places); };
const alone = (what) => (navigator.locks ? navigator.locks.request(`hadir-draft-${key}`, what) : what());

// --- On this phone -------------------------------------------------------------------------------------------
const onPhone = () => within(["drafts"], "readonly", (store) => ask(store("drafts").get(key))).catch(() => undefined);
const keep = () => within(["drafts"], "readwrite", (store) =>
  ask(store("drafts").put({ key, person: work.person, items: items.body(false), saved_at: savedAt }))).catch(() => {});
const release = () => within(["drafts"], "readwrite", (store) => ask(store("drafts").delete(key))).catch(() => {});

// --- The draft -----------------------------------------------------------------------------------------------
function changed() {
  dirty = true;
  clearTimeout(pause);
  void keep();
  if (isReport) pause = setTimeout(() => void save(), PAUSE_MS);
}

async function theirs() {
  try {
    return await call("GET", `${base}/draft`);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

async function save(overTheirs = false) {
  if (!dirty || !isReport || !$("conflict").hidden) return;
  await alone(async () => {
    try {
      saved("draft.saving");
      if (!overTheirs) {
        const there = await theirs();
        if ((there?.saved_at ?? null) !== savedAt) {
          // Gone: handed in or dropped elsewhere. Newer: written elsewhere.
          if (there) return conflict(there);
          if (savedAt) { location.reload(); return; }
        }
      }
      dirty = false;
      const draft = await call("PUT", `${base}/draft`, { items: items.body(false) });
      savedAt = draft.saved_at;
      await release();
      saved("draft.saved", { at: time(draft.saved_at) });
      items.complain({});
    } catch (error) {
      dirty = true;
      if (error instanceof Refused && Object.keys(error.fields).length) {
        saved("draft.on_phone");
        items.complain(error.fields);
      } else saved("draft.on_phone");
    }
  });
}

function conflict(there) {
  $("saved").textContent = "";
  $("conflict").querySelector("[data-words]").textContent = say("draft.conflict", { at: moment(there.saved_at) });
  $("conflict").hidden = false;
  $("take-theirs").onclick = () => {
    $("conflict").hidden = true;
    savedAt = there.saved_at;
    dirty = false;
    items.show(there.items);
    void release();
  };
  $("keep-mine").onclick = () => {
    $("conflict").hidden = true;
    dirty = true;
    void save(true);
  };
}

addEventListener("online", () => void save());
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") void save(); });

// --- Handing in ----------------------------------------------------------------------------------------------
$("editor").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = $("editor");
  const said = form.querySelector("[data-said]");
  clearTimeout(pause);
  void once(form, async () => {
    try {
      said.className = "";
      said.textContent = "";
      const body = { items: items.body(true).map(handedIn) };
      if (isReport) {
        const now = await call("GET", base).catch((error) => {
          if (error instanceof Refused && error.status === 404) return { revision: 0 };
          throw error;
        });
        if (now.revision !== work.revision) {
          await keep();
          work.revision = now.revision; // told once: who presses again means it
          said.className = "wrong";
          said.textContent = say("report.changed", { at: moment(now.submitted_at) });
          return;
        }
        await call("PUT", base, body);
      } else await call("PUT", `/reporting/v1/me/intentions/${work.date}`, body);
      dirty = false;
      await release();
      said.className = "done";
      said.textContent = say(isReport ? "report.sent" : "intention.kept");
      if (isReport) location.reload();
    } catch (error) {
      const others = items.complain(error.fields ?? {});
      said.className = "wrong";
      said.textContent = error instanceof Error ? [told(error), ...others].join(" ") : error.message;
    }
  });
});

/** Of a task of the catalogue the name is the catalogue's; its unit goes along, so that an old one is found out. */
function handedIn({ task, ...item }) {
  return item.task_code ? item : { ...item, ...(task ? { task } : {}) };
}

// --- The buttons ---------------------------------------------------------------------------------------------
$("add").addEventListener("click", () => items.add().part("task").focus());
$("copy")?.addEventListener("click", () => void once($("copy"), async () => {
  try {
    const copy = await call("GET", `${base}/copy`);
    for (const item of copy.items) items.add({ ...item, item_id: undefined });
    changed();
    saved(copy.left_out.length ? "copy.left_out" : "copy.done", { n: copy.items.length, left: copy.left_out.length });
  } catch (error) {
    if (error instanceof Refused && error.status === 404) saved("copy.none");
    else $("saved").textContent = told(error);
  }
}));

// --- Begin ---------------------------------------------------------------------------------------------------
const left = await onPhone();
items.show(left && left.saved_at === savedAt ? left.items : work.items);
if (left && left.saved_at === savedAt) {
  dirty = true;
  saved("draft.restored");
  void save();
} else if (left && isReport) {
  items.show(left.items);
  dirty = true;
  const there = await theirs().catch(() => null);
  if (there) conflict(there);
} else if (savedAt) saved("draft.saved", { at: time(savedAt) });
if (!items.length) items.add();
$("editor").hidden = false;
try {
  items.offer((await call("GET", `/reporting/v1/me/targets?year=${work.date.slice(0, 4)}`)).items);
} catch {
  // without targets an item goes without one
}
