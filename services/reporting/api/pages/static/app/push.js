// Turning pushes on and off on this device. The browser is asked for its leave on a tap alone, after it was said why.

import { told } from "../acts.js";
import { mine } from "./keep.js";
import { copyOf, say } from "./said.js";
import { devices, forget, idOf, keyOf, madeWith, subscribe, unsubscribe } from "./subscribe.js";

const $ = (id) => document.getElementById(id);
const on = $("push-on");
const off = $("push-off");
const said = $("push-said");

const onApple = /iPhone|iPad/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
const installed = matchMedia("(display-mode: standalone)").matches;

function why(key) {
  if (!key) return "system_off";
  if (!("PushManager" in window) || !navigator.serviceWorker) return onApple && !installed ? "install_first" : "unsupported";
  return Notification.permission === "denied" ? "denied" : null;
}

async function here() {
  if (!navigator.serviceWorker || !("PushManager" in window)) return null;
  const registration = await navigator.serviceWorker.getRegistration("/reporting/app/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function show() {
  const [key, listed, subscription] = await Promise.all([keyOf(), devices(), here()]);
  const id = subscription ? await idOf(subscription) : null;
  const isOn = Boolean(id && key && madeWith(subscription, key) && listed.some((one) => one.device_id === id));
  const hindered = isOn ? null : why(key);
  on.hidden = isOn || hindered !== null;
  off.hidden = !isOn;
  said.textContent = isOn ? say("push.is_on") : hindered ? say(`push.${hindered}`) : "";
  $("push-devices").replaceChildren(...listed.map((one) => {
    const name = one.device_id === id ? say("push.this", { label: one.label }) : one.label;
    const row = copyOf("device-row", { label: name });
    const button = row.querySelector("button");
    button.setAttribute("aria-label", say("push.remove_named", { label: name }));
    button.addEventListener("click", () => act(button, () => (
      one.device_id === id ? unsubscribe(subscription) : forget(one.device_id)
    )));
    return row;
  }));
  $("push-listed").hidden = listed.length === 0;
}

/** Does something once for a tap, then shows what is so. */
async function act(button, what) {
  button.disabled = true;
  try {
    await what();
    await show();
  } catch (error) {
    await show().catch(() => {});
    // What the browser itself says no to has its own names; doors say why in words.
    said.textContent = error instanceof DOMException ? say(error.name === "NotAllowedError" ? "push.denied" : "push.failed") : told(error);
  }
  button.disabled = false;
}

on.addEventListener("click", () => act(on, async () => {
  const leave = await Notification.requestPermission(); // first of all: some browsers ask only within the tap
  if (leave !== "granted") return;
  const key = await keyOf();
  const registration = await navigator.serviceWorker.ready;
  const held = await registration.pushManager.getSubscription();
  if (held && !madeWith(held, key)) await held.unsubscribe();
  await subscribe(registration, key);
  mine(document.querySelector("meta[name=person]").content);
}));
off.addEventListener("click", () => act(off, async () => {
  const subscription = await here();
  if (subscription) await unsubscribe(subscription);
}));

await show().catch((error) => { said.textContent = told(error); });
