// Messages of the person, newest first, as they come; read where they say so.

import { told } from "../acts.js";
import { call } from "../doors.js";
import { copyOf, moment, say } from "./said.js";
import { follow } from "./stream.js";

const $ = (id) => document.getElementById(id);
const rows = new Map();
const answered = new Map(); // what was said to a call: its row may be drawn anew before that is shown
let next = null;

/** Has a button act at a door, once for each tap; `done` gets the answer. */
function acts(button, path, body, done) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      done(await call("POST", `/notifications/v1/me/inbox/${path}`, body));
      $("inbox-said").textContent = "";
    } catch (error) {
      $("inbox-said").textContent = told(error);
    }
    button.disabled = false;
  });
}

function rowOf(message) {
  const { notification_id: id, title, text, why } = message;
  const row = copyOf("message-row", { title, at: moment(message.at), text, why });
  const read = () => { row.classList.remove("unread"); row.querySelector("[data-mark]").hidden = true; };
  row.classList.toggle("unread", !message.read_at);
  if (!message.read_at) acts(row.querySelector("[data-mark]"), `${id}/read`, undefined, read);
  if (message.link && message.link !== location.pathname) {
    const link = row.querySelector("[data-link]");
    link.href = message.link;
    link.hidden = false;
  }
  const { needed, at } = message.acknowledge ?? {};
  const seen = row.querySelector("[data-seen]");
  const seenTo = (instant) => {
    seen.textContent = say("inbox.acknowledged", { at: moment(instant) });
    seen.hidden = false;
    row.querySelector("[data-acknowledge]").hidden = true;
  };
  if (at) seenTo(at);
  else if (needed) acts(row.querySelector("[data-acknowledge]"), `${id}/acknowledge`, undefined, (answer) => seenTo(answer.acknowledged_at));
  if (answered.has(id)) {
    seen.textContent = say(`inbox.answered.${answered.get(id)}`);
    seen.hidden = false;
  } else if (message.kind === "counter.call") {
    for (const answer of ["yes", "no"]) {
      acts(row.querySelector(`[data-answer-${answer}]`), `${id}/answer`, { answer }, () => {
        answered.set(id, answer);
        show({ ...message, read_at: message.read_at ?? message.at });
      });
    }
  }
  return row;
}

/** Shows a message in the place of what was shown of it, else at the top (`older`: at the end). */
function show(message, older = false) {
  const row = rowOf(message);
  const shown = rows.get(message.notification_id);
  if (shown) shown.replaceWith(row);
  else if (older) $("messages").append(row);
  else $("messages").prepend(row);
  rows.set(message.notification_id, row);
}

function showUnread(unread) {
  $("read-all").hidden = !unread;
  const badge = $("unread");
  badge.hidden = !unread;
  badge.firstElementChild.textContent = unread;
}

async function load() {
  try {
    const query = new URLSearchParams({ limit: "30", ...(next ? { cursor: next } : {}) });
    const inbox = await call("GET", `/notifications/v1/me/inbox?${query}`);
    if (!next) { rows.clear(); $("messages").replaceChildren(); }
    for (const message of inbox.items) show(message, true);
    next = inbox.next;
    $("more").hidden = !next;
    showUnread(inbox.unread);
    $("inbox-said").textContent = rows.size ? "" : say("inbox.none");
  } catch (error) {
    $("inbox-said").textContent = told(error);
  }
}

$("more").addEventListener("click", () => void load());
$("read-all").addEventListener("click", async () => {
  try {
    await call("POST", "/notifications/v1/me/inbox/read");
    location.reload();
  } catch (error) {
    $("inbox-said").textContent = told(error);
  }
});

let loading = load();
follow(({ items, unread, reset }) => {
  // What comes while the list is read is shown above it, not lost below.
  loading = loading.then(() => {
    if (reset) { next = null; return load(); }
    for (const message of items) show(message);
    showUnread(unread);
    if (rows.size) $("inbox-said").textContent = "";
    document.body.dataset.followed = "yes";
  });
});
await loading;
