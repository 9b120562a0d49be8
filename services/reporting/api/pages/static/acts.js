// Forms that act at a door: <form class="act" data-door="POST /x/v1/y/{id}/decision">.
// A field's name is the body's member, `a.b` one inside `a`, `a.0.b` one of the first in a list. `data-as` says what
// its value becomes (integer, number, boolean, list: a line each, json, instant: a local date and time in WIB); with
// `data-many` several fields of one name make a list; an empty field is left out unless `data-empty="null"`; `data-or`
// names a member that is true instead. What a field named `*` holds (json) are members of the body themselves.
// `{name}` in the door and a field with `data-in="query"` go into the address, not into the body; a file is the body.
// A button with name and value decides; one with a `data-door` acts there. A field with `data-fresh` bears an id of its
// own for each act, so that the same act, sent again, is the same.
// Without script a form is no way to act: it is shown disabled (see <fieldset disabled>) until this has run.

import { Away, call, OtherPerson, Refused, SignedOut } from "./doors.js";
import { freshId } from "./ids.js";

export { freshId };

const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

const become = {
  integer: Number,
  number: Number,
  boolean: (value) => value === "true",
  json: JSON.parse,
  list: (value) => value.split("\n").map((line) => line.trim()).filter(Boolean),
  instant: (value) => `${value.length === 16 ? `${value}:00` : value}+07:00`,
};

/** Puts a value into a body by the name of its field; a list goes behind the list that is there. */
function put(body, field, value) {
  const names = field.split(".");
  const last = names.pop();
  let into = body;
  names.forEach((name, place) => {
    into = into[name] ??= /^\d+$/.test(names[place + 1] ?? last) ? [] : {};
  });
  into[last] = Array.isArray(value) && Array.isArray(into[last]) ? [...into[last], ...value] : value;
}

/** The body that the fields of a form make, and what they say of the door's path. */
export function bodyOf(form, submitter) {
  let body = {};
  const path = {};
  const query = new URLSearchParams();
  const [method, template] = (submitter?.dataset.door ?? form.dataset.door).split(" ");
  const given = [...form.elements].filter((field) => field.name && !field.matches(":disabled") && field.type !== "submit");
  if (submitter?.name) given.push(submitter);
  for (const field of given) {
    if ((field.type === "radio" || field.type === "checkbox") && !field.checked) continue;
    if (template.includes(`{${field.name}}`)) {
      path[field.name] = field.value.trim();
      continue;
    }
    if (field.type === "file") {
      // By what it is, not by what the device thinks of its name.
      if (field.files.length) body = new Blob([field.files[0]], { type: field.dataset.type ?? "text/csv" });
      continue;
    }
    if (field.dataset.fresh !== undefined) field.value ||= freshId();
    if (field.multiple && [...field.selectedOptions].some((option) => option.value)) {
      put(body, field.name, [...field.selectedOptions].map((option) => option.value).filter(Boolean));
      continue;
    }
    let value = field.value.trim();
    if (field.dataset.in === "query") {
      if (value) query.append(field.name, value);
      continue;
    }
    if (value === "") {
      if (field.dataset.or) field.dataset.or.split(".").reduce((into, name, place, all) => (
        into[name] = place === all.length - 1 ? true : into[name] ?? {}
      ), body);
      if (field.dataset.empty !== "null") continue;
      value = null;
    } else if (field.dataset.as) value = become[field.dataset.as](value);
    if (field.name === "*") {
      body = { ...value, ...body };
      continue;
    }
    put(body, field.name, field.dataset.many === undefined ? value : [value]);
  }
  const address = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name] ?? ""));
  return { method, path: query.size ? `${address}?${query}` : address, body };
}

/** What went wrong, in words for the person. */
export function told(error) {
  if (error instanceof SignedOut) return words.signed_out;
  if (error instanceof Away) return words.away;
  if (error instanceof OtherPerson) return words.other_person;
  if (error instanceof Refused) return error.message;
  throw error;
}

/** Says beside the fields of a form what is wrong, and above its buttons why; takes away what was said before. */
export function complain(form, error) {
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const said of form.querySelectorAll(".wrong[data-of]")) said.remove();
  const place = form.querySelector("[data-said]");
  place.classList.toggle("wrong", Boolean(error));
  place.classList.remove("done");
  place.textContent = error ? told(error) : "";
  for (const [name, message] of Object.entries(error?.fields ?? {})) {
    const field = form.elements[name];
    if (!(field instanceof Element)) { place.append(document.createElement("br"), message); continue; }
    field.setAttribute("aria-invalid", "true");
    const said = Object.assign(document.createElement("p"), { className: "wrong", textContent: message });
    said.dataset.of = name;
    said.id = `${field.id || name}-wrong`;
    field.setAttribute("aria-describedby", said.id);
    field.after(said);
  }
}

/** Runs `what` once however often a button is pressed meanwhile. */
export async function once(form, what) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  try {
    await what();
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/**
 * Has each form.act under `root` act at its door. `acted` is an event on the form, with the answer in `detail`; a form
 * whose event nobody prevents says `data-done`, and with `data-then` goes to that page (`.`: this one again).
 */
export function enliven(root = document) {
  for (const form of root.querySelectorAll("form.act")) {
    form.querySelector("fieldset[disabled][data-until-script]")?.removeAttribute("disabled");
    if (form.dataset.lively) continue;
    form.dataset.lively = "yes";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { method, path, body } = bodyOf(form, event.submitter);
      void once(form, async () => {
        try {
          const answer = await call(method, path, body);
          complain(form, null);
          for (const field of form.querySelectorAll("[data-fresh]")) field.value = "";
          const heard = new CustomEvent("acted", { bubbles: true, cancelable: true, detail: answer });
          if (!form.dispatchEvent(heard)) return;
          const place = form.querySelector("[data-said]");
          place.classList.add("done");
          place.textContent = form.dataset.done ?? words.done;
          if (form.dataset.then === ".") location.reload();
          else if (form.dataset.then) location.assign(form.dataset.then);
        } catch (error) {
          complain(form, error);
        }
      });
    });
  }
}
