// The worker's part that hands over what waits when there is a network again, though no page may be open
// (Background Sync, where a browser has it).

import { handOver, SignedOut } from "./queue.js";

self.addEventListener("sync", (event) => {
  if (event.tag !== "punches") return;
  event.waitUntil((async () => {
    try {
      const { waiting } = await handOver();
      if (waiting) throw new Error("some still wait");
    } catch (error) {
      // Signed out: they wait for the person to sign in again. All else: the browser tries again by itself.
      if (!(error instanceof SignedOut)) throw error;
    }
  })());
});
