// What the phone keeps: one IndexedDB for all tabs and the service worker. Whatever is somebody's says whose it is.
//   punches   {order, punch_id, person, kind, device_at, position, made, state, said}   until they are handed over
//   receipts  {punch_id, person, kind, made, receipt}                                   what the server answered
//   me        the one record of whose phone this is: {key: "me", person, name, plans, drawn_at}
//   drafts    {key: "person date", person, items, saved_at}                             what is typed and not saved yet

const STORES = {
  punches: [{ keyPath: "order", autoIncrement: true }, "person"],
  receipts: [{ keyPath: "punch_id" }, "person"],
  me: [{ keyPath: "key" }, null],
  drafts: [{ keyPath: "key" }, "person"],
};

let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("hadir", 1);
    request.onupgradeneeded = () => {
      for (const [name, [options, index]] of Object.entries(STORES)) {
        const store = request.result.createObjectStore(name, options);
        if (index) store.createIndex(index, index);
      }
    };
    request.onsuccess = () => {
      const forget = () => { opening = null; };
      request.result.onversionchange = () => { request.result.close(); forget(); };
      request.result.onclose = forget;
      resolve(request.result);
    };
    request.onerror = () => { opening = null; reject(request.error); };
  });
  return opening;
}

/** The answer of one request of a transaction. */
export function ask(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Runs `what(store)` in one transaction over all tabs' common stores, `store("punches")` being one of `names`; answers
 * with what it answers once everything is written down. Rejects where the phone keeps nothing (full, private, denied).
 */
export async function within(names, mode, what) {
  // Strict: what counts as written must survive the phone being switched off.
  const tx = (await open()).transaction(names, mode, mode === "readwrite" ? { durability: "strict" } : {});
  const done = new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error ?? new Error("the phone took nothing"));
  });
  done.catch(() => {});
  const answer = await what((name) => tx.objectStore(name));
  await done;
  return answer;
}

/** Everything of somebody in one store. */
export function of(name, person) {
  return within([name], "readonly", (store) => ask(store(name).index("person").getAll(person)));
}

/** Whose phone this is, by the last page that was drawn for somebody; undefined for nobody's. */
export function me() {
  return within(["me"], "readonly", (store) => ask(store("me").get("me")));
}

/** Remembers whose phone this is, and what they are to do in the next days. */
export function remember(record) {
  return within(["me"], "readwrite", (store) => ask(store("me").put({ ...record, key: "me" })));
}

/** Forgets whose phone this is and what it keeps for them. What they have not handed over yet stays, as theirs. */
export function forget(person) {
  return within(["me", "receipts", "drafts"], "readwrite", async (store) => {
    await ask(store("me").clear());
    for (const name of ["receipts", "drafts"]) {
      for (const key of await ask(store(name).index("person").getAllKeys(person))) await ask(store(name).delete(key));
    }
  });
}
