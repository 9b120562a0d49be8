// Calls the doors of all services as the holder of the session: the one place that knows of tokens and refusals.
// The token lives in memory alone; another is asked for before it ends, and once when a door believes it no more.

const language = (globalThis.document?.documentElement.lang ?? navigator.language).startsWith("en") ? "en" : "id";

/** A door said no. `status`; `message`: why and what to do; `fields`: {name: what is wrong with it}, of `errors`. */
export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.detail ?? problem?.title ?? String(status));
    this.status = status;
    this.code = problem?.type?.split(":").pop() ?? "";
    this.fields = Object.fromEntries((problem?.errors ?? []).map((wrong) => [wrong.field, wrong.message]));
    this.errors = problem?.errors ?? [];
    this.total = problem?.total_errors ?? this.errors.length;
    this.retryAfter = Number(retryAfter) || null;
  }
}

/** No door answered: no network, or the system is away. Nothing is known of what was asked. */
export class Away extends Error {}

/** The session is over: only signing in again helps. */
export class SignedOut extends Error {}

/** Somebody else is signed in by now than the one whose page this is: nothing is done in their name. */
export class OtherPerson extends Error {}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Away(path, { cause: error });
  }
  // What a proxy says for a service that is away is no word of a door.
  if (answer.status === 502 || answer.status === 504) throw new Away(path);
  return answer;
}

async function read(answer) {
  const kind = answer.headers.get("content-type") ?? "";
  if (!kind.includes("json")) return answer.ok ? answer.text() : null;
  return answer.json();
}

let held = null; // {text, whose, until}: `until` by performance.now(), since the device's clock may be wrong
let asking = null;

async function freshToken() {
  const answer = await ask("/reporting/v1/session-tokens", {
    method: "POST",
    credentials: "same-origin",
    headers: { "Accept-Language": language },
  });
  if (answer.status === 401) throw new SignedOut();
  const body = await read(answer);
  if (!answer.ok) throw new Refused(answer.status, body, answer.headers.get("retry-after"));
  const now = Date.parse(answer.headers.get("date")) || Date.now();
  held = {
    text: body.token,
    whose: subjectOf(body.token),
    until: performance.now() + Date.parse(body.expires_at) - now - 30_000,
  };
  return held;
}

function subjectOf(text) {
  const claims = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(claims)).sub ?? "";
}

async function token() {
  if (held && performance.now() < held.until) return held;
  asking ??= freshToken().finally(() => { asking = null; });
  return asking;
}

/** The employee_id of whoever is signed in; "" for an office account. */
export async function whoever() {
  return (await token()).whose;
}

// A page is drawn for one person, who says so in <meta name="person">; in another tab somebody else may have signed in.
const pagePerson = globalThis.document?.querySelector("meta[name=person]")?.content;

async function tokenOf(person) {
  const { text, whose } = await token();
  if (person !== undefined && whose !== person) throw new OtherPerson();
  return text;
}

/**
 * Asks a door. `body` is sent as JSON, or as it is where it is a Blob or FormData; answers with the door's JSON, its
 * text where it gives another kind, null without content. `person`: in whose name alone, the page's when left out.
 * Throws Refused, Away, SignedOut or OtherPerson.
 */
export async function call(method, path, body, options) {
  const answer = await reach(method, path, body, options);
  return answer.status === 204 ? null : read(answer);
}

/** The same for whoever reads the answer by themselves, as a stream: the door's answer, which is no refusal. */
export async function reach(method, path, body, { headers = {}, signal, keepalive = false, person = pagePerson } = {}) {
  const raw = body instanceof Blob || body instanceof FormData;
  const send = async () =>
    ask(path, {
      method,
      credentials: "omit",
      signal,
      keepalive,
      headers: {
        Authorization: `Bearer ${await tokenOf(person)}`,
        "Accept-Language": language,
        ...(body === undefined || raw ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined || raw ? body : JSON.stringify(body),
    });
  let answer = await send();
  if (answer.status === 401) {
    held = null;
    answer = await send();
  }
  if (answer.status === 401) throw new SignedOut();
  if (!answer.ok) throw new Refused(answer.status, await read(answer), answer.headers.get("retry-after"));
  return answer;
}
