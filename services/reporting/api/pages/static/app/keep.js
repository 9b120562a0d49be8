// Whose pushes come to this browser: those of whoever uses it, and of nobody who used it before.

import { devices, give, idOf, keyOf, madeWith, subscribe, unsubscribe } from "./subscribe.js";

const OF = "hadir:pushes-of";

async function subscription() {
  if (!navigator.serviceWorker || !("PushManager" in window)) return [];
  const registration = await navigator.serviceWorker.getRegistration("/reporting/app/");
  const held = await registration?.pushManager.getSubscription();
  return held ? [held, registration] : [];
}

/** Notes that pushes on this browser are the person's. */
export const mine = (person) => localStorage.setItem(OF, person);

/**
 * Once a session of the browser: what somebody else subscribed here ends, so that nobody reads their messages; what the
 * person subscribed is given again where the system has lost it, or has another key.
 */
export async function keep(person) {
  if (globalThis.Notification?.permission !== "granted" || sessionStorage.getItem(OF) === person) return;
  const [held, registration] = await subscription();
  if (held) {
    if (localStorage.getItem(OF) !== person) await held.unsubscribe(); // its push service says so at the next push
    else {
      const [key, listed, id] = await Promise.all([keyOf(), devices(), idOf(held)]);
      if (key && !madeWith(held, key)) {
        await held.unsubscribe();
        await subscribe(registration, key);
      } else if (key && !listed.some((one) => one.device_id === id)) await give(held);
    }
  }
  sessionStorage.setItem(OF, person);
}

/** Signing out: no message of theirs comes here any more. */
export async function leave() {
  const [held] = await subscription();
  if (!held) return;
  localStorage.removeItem(OF);
  sessionStorage.removeItem(OF);
  await Promise.race([unsubscribe(held), new Promise((go) => setTimeout(go, 3000))]);
}
