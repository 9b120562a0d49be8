// The account: the address of one's calendar, and what one wants to be told.

import { complain, once, told } from "../acts.js";
import { call } from "../doors.js";
import { copyOf, say } from "./said.js";

const $ = (id) => document.getElementById(id);

$("calendar").addEventListener("acted", (event) => {
  event.preventDefault();
  $("feed-url").value = new URL(event.detail.url, location.origin).href;
  $("feed").hidden = false;
  $("feed-url").focus();
});
$("feed-copy").addEventListener("click", async () => {
  $("feed-url").select();
  await navigator.clipboard?.writeText($("feed-url").value).catch(() => {});
  $("feed-copy").textContent = say("calendar.copied");
});

const form = $("preferences");
let channels = [];
try {
  const asked = await call("GET", "/notifications/v1/me/preferences");
  channels = asked.muted_channels;
  $("language").value = asked.language ?? "";
  for (const { kind, title } of asked.kinds) {
    const row = copyOf("kind-row", { title });
    const box = row.querySelector("input");
    box.value = kind;
    box.checked = !asked.muted_kinds.includes(kind);
    $("kinds").append(row);
  }
} catch (error) {
  form.querySelector("[data-said]").textContent = told(error);
  form.querySelector("fieldset").disabled = true;
}
form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void once(form, async () => {
    try {
      const boxes = [...form.querySelectorAll("[name=kind]")];
      await call("PUT", "/notifications/v1/me/preferences", {
        language: $("language").value || null,
        muted_channels: channels,
        muted_kinds: boxes.filter((box) => !box.checked).map((box) => box.value),
      });
      complain(form, null);
      form.querySelector("[data-said]").textContent = say("done");
    } catch (error) {
      complain(form, error);
    }
  });
});
