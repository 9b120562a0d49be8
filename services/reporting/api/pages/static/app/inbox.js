// Messages of the person, newest first; read where they say so.

import { told } from "../acts.js";
import { call } from "../doors.js";
import { answerable } from "./answer.js";
import { copyOf, moment, say } from "./said.js";

const $ = (id) => document.getElementById(id);
let next = null;

function show(message) {
  const row = copyOf("message-row", { title: message.title, at: moment(message.at), text: message.text });
  row.classList.toggle("unread", !message.read_at);
  const mark = row.querySelector("[data-mark]");
  mark.hidden = Boolean(message.read_at);
  mark.addEventListener("click", async () => {
    mark.disabled = true;
    try {
      await call("POST", `/notifications/v1/me/inbox/${message.notification_id}/read`);
      row.classList.remove("unread");
      mark.hidden = true;
    } catch (error) {
      mark.disabled = false;
      $("inbox-said").textContent = told(error);
    }
  });
  if (message.params.work_date) {
    const link = row.querySelector("[data-link]");
    link.href = `/reporting/app/days/${message.params.work_date}`;
    link.hidden = false;
  }
  answerable(message, row);
  $("messages").append(row);
}

async function load() {
  try {
    const query = new URLSearchParams({ limit: "30", ...(next ? { cursor: next } : {}) });
    const inbox = await call("GET", `/notifications/v1/me/inbox?${query}`);
    for (const message of inbox.items) show(message);
    next = inbox.next;
    $("more").hidden = !next;
    $("read-all").hidden = !inbox.unread;
    $("inbox-said").textContent = $("messages").children.length ? "" : say("inbox.none");
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
await load();
