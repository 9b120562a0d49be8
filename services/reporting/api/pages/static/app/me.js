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
let asked = null;

/** What can be chosen of a kind: the channels by which what is sent reaches this person. */
const choicesOf = (kind) => kind.channels.filter((choice) => choice.available);
const offered = () => asked.kinds.filter((kind) => kind.for_you && choicesOf(kind).length);

function showKind(kind, titles) {
  const row = copyOf("kind-row", { title: kind.title });
  for (const choice of choicesOf(kind)) {
    const line = copyOf("choice-row", { title: titles[choice.channel], why: choice.why });
    const box = line.querySelector("input");
    box.value = `${kind.kind}/${choice.channel}`;
    box.checked = choice.on;
    box.disabled = choice.fixed;
    if (choice.why) {
      const why = line.querySelector("[data-why]");
      why.hidden = false;
      why.id = `why-${kind.kind}-${choice.channel}`;
      box.setAttribute("aria-describedby", why.id);
    }
    row.querySelector("[data-choices]").append(line);
  }
  $("kinds").append(row);
}

/** What the boxes ask for. A kind with no box left on is muted whole, so that it stays so when a channel is added;
 *  what has no box here stays as it was asked for before. */
function wishes() {
  const boxes = [...$("kinds").querySelectorAll("input")];
  const off = new Set(boxes.filter((box) => !box.checked).map((box) => box.value));
  const muted = [];
  const muted_kinds = asked.muted_kinds.filter((kind) => !offered().some((one) => one.kind === kind));
  for (const kind of offered()) {
    const mute = choicesOf(kind).filter((choice) => off.has(`${kind.kind}/${choice.channel}`));
    if (mute.length === choicesOf(kind).length) muted_kinds.push(kind.kind);
    else muted.push(...mute.map((choice) => ({ kind: kind.kind, channel: choice.channel })));
  }
  const boxed = new Set(boxes.map((box) => box.value));
  const unseen = asked.muted.filter(({ kind, channel }) => !boxed.has(`${kind}/${channel}`));
  const reached = new Set(asked.channels.filter((one) => one.available).map((one) => one.channel));
  return {
    language: $("language").value || null,
    muted_channels: asked.muted_channels.filter((channel) => !reached.has(channel)),
    muted_kinds,
    muted: [...muted, ...unseen],
  };
}

function show(preferences) {
  asked = preferences;
  $("language").value = asked.language ?? "";
  $("channels").replaceChildren();
  $("kinds").replaceChildren();
  const titles = Object.fromEntries(asked.channels.map((one) => [one.channel, one.title]));
  for (const { title, why, addresses } of asked.channels) {
    $("channels").append(copyOf("channel-row", { title, where: why ?? (addresses.join(", ") || say("preferences.here")) }));
  }
  for (const kind of offered()) showKind(kind, titles);
}

try {
  show(await call("GET", "/notifications/v1/me/preferences"));
} catch (error) {
  form.querySelector("[data-said]").textContent = told(error);
  form.querySelector("fieldset").disabled = true;
}
form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void once(form, async () => {
    try {
      show(await call("PUT", "/notifications/v1/me/preferences", wishes()));
      complain(form, null);
      form.querySelector("[data-said]").textContent = say("done");
    } catch (error) {
      complain(form, error);
    }
  });
});
