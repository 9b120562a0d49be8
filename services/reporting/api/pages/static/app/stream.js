// Follows the inbox by server-sent events while the page is looked at. Read with fetch: an EventSource sends no token.
// `heard` gets what the door tells, {items, unread, reset}; the first comes at once, and after a reset: read anew.

import { Away, Refused, reach } from "../doors.js";

const PATH = "/notifications/v1/me/inbox/stream";
/** A sign of life comes every 15 s: after so long without one the line is lost. */
const SILENCE_MS = 40_000;
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** Splits what comes of a stream into events, {id, data} each; comments are left out. */
async function* events(body, heardAnything) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heardAnything();
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const event = {};
      for (const line of part.split("\n")) {
        const [, field, text] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (field) event[field] = text;
      }
      if (event.data) yield event;
    }
  }
}

export function follow(heard) {
  let position = null;
  let line = null; // AbortController of the open stream
  let pause = FIRST_PAUSE_MS;
  let again = null;
  let over = false;

  async function once(controller) {
    let silent;
    const alive = () => {
      clearTimeout(silent);
      silent = setTimeout(() => controller.abort(), SILENCE_MS);
    };
    try {
      alive();
      const headers = position === null ? {} : { "Last-Event-ID": position };
      const answer = await reach("GET", PATH, undefined, { headers, signal: controller.signal });
      for await (const event of events(answer.body, alive)) {
        position = event.id;
        pause = FIRST_PAUSE_MS;
        heard(JSON.parse(event.data));
      }
    } finally {
      clearTimeout(silent);
    }
  }

  async function run() {
    if (over || line || document.visibilityState === "hidden") return;
    const controller = (line = new AbortController());
    let after = pause;
    try {
      await once(controller);
    } catch (error) {
      if (error instanceof Refused && error.status === 422) position = null;
      else if (error instanceof Refused && error.retryAfter) after = error.retryAfter * 1000;
      // Signed out, or somebody else is signed in: the page says so where something is asked for.
      else if (!(error instanceof Away || error instanceof Refused || error instanceof TypeError || error.name === "AbortError")) over = true;
    }
    line = null;
    pause = Math.min(pause * 2, LAST_PAUSE_MS);
    clearTimeout(again);
    if (!over) again = setTimeout(run, after * (0.5 + Math.random()));
  }

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") line?.abort();
    else { pause = FIRST_PAUSE_MS; clearTimeout(again); void run(); }
  });
  window.addEventListener("online", () => { pause = FIRST_PAUSE_MS; clearTimeout(again); void run(); });
  void run();
}
