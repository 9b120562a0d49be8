// The push subscription of this browser: made, given to the system for whoever is signed in, taken back.
// Used by pages and by the worker.

import { call } from "../doors.js";

const DOOR = "/notifications/v1/me/push-subscriptions";

/** The id by which the system knows a subscription: worked out of its endpoint, so that nobody has to keep it. */
export async function idOf({ endpoint }) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint)));
  hash[6] = (hash[6] & 0x0f) | 0x80;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  const hex = [...hash.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (one) => one.charCodeAt(0));
}

/** By what its owner knows this browser: its name and the system it runs on, nothing of a person. */
function label() {
  const said = navigator.userAgent;
  const found = (names) => names.find(([sign]) => sign.test(said))?.[1];
  const browser = found([[/Edg/, "Edge"], [/OPR/, "Opera"], [/SamsungBrowser/, "Samsung Internet"], [/Firefox|FxiOS/, "Firefox"], [/Chrome|CriOS/, "Chrome"], [/Safari/, "Safari"]]);
  const system = found([[/Android/, "Android"], [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Windows/, "Windows"], [/Mac OS/, "Mac"], [/Linux/, "Linux"]]);
  return [browser, system].filter(Boolean).join(", ") || "Web";
}

/** The key that subscriptions are made with; null where the system does not push. */
export async function keyOf(options) {
  return (await call("GET", "/notifications/v1/push-key", undefined, options)).key;
}

/** Whether a subscription was made with this key. */
export function madeWith(subscription, key) {
  const held = new Uint8Array(subscription.options.applicationServerKey ?? []);
  const wanted = bytesOf(key);
  return held.length === wanted.length && wanted.every((byte, place) => byte === held[place]);
}

/** Gives a subscription to the system; `options.person`: in whose name alone. */
export async function give(subscription, options) {
  const { endpoint, keys } = subscription.toJSON();
  await call("PUT", `${DOOR}/${await idOf(subscription)}`, { endpoint, keys, label: label() }, options);
}

/** Subscribes this browser and gives it to the system. Rejects where the person or the browser does not want to. */
export async function subscribe(registration, key, options) {
  const subscription = await registration.pushManager.subscribe({
    userVisibleOnly: true, applicationServerKey: bytesOf(key),
  });
  try {
    await give(subscription, options);
  } catch (error) {
    await subscription.unsubscribe();
    throw error;
  }
  return subscription;
}

/** The browsers of the person, as the system has them. */
export async function devices(options) {
  return (await call("GET", DOOR, undefined, options)).items;
}

/** Takes a browser back by its id. */
export function forget(id, options) {
  return call("DELETE", `${DOOR}/${id}`, undefined, options);
}

/** Ends this browser's subscription, here and in the system. */
export async function unsubscribe(subscription, options) {
  await forget(await idOf(subscription), options).catch(() => {}); // its push service says so at the next push
  await subscription.unsubscribe();
}
