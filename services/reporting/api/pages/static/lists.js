// Lists and answers of other services' doors, put into <template>s: <section data-list="/x/v1/things?state=open">
// with <ul data-into>, a <template>, and if wanted [data-none], [data-more], [data-said]. A form.act with
// data-answers="id" has its door's answer drawn by the <template> of that element, and data-reloads names lists.
//
// data-only narrows a list to the items for which a condition holds; a list in a <details> is asked for when it opens.
//
// In a template: data-text="path" writes a value, as data-as says (see `write`); data-set="attribute=path" sets one
// (`@path`: an instant for a field), and what stands in the attribute as {path} is put in; data-when="path", "!path", "path=a|b" or "path!=a" keeps the
// element or takes it away; data-each="path" repeats the <template> in it. A path is dotted; `.` is the item itself.

import { call } from "./doors.js";
import { enliven, told } from "./acts.js";

export const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
const english = document.documentElement.lang === "en";
const locale = english ? "en-GB" : "id-ID";
const zone = { timeZone: "Asia/Jakarta" };
const day = new Intl.DateTimeFormat(locale, { ...zone, weekday: "short", day: "numeric", month: "short", year: "numeric" });
const minute = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const figure = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const share = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });

/** The value at a dotted path; undefined where there is none. */
export const at = (item, path) =>
  path === "." ? item : path.split(".").reduce((value, name) => value?.[name], item);

const codeOf = (kind, code) => words.codes?.[`${kind}.${code}`] ?? code;

const plain = (value) =>
  value === null
    ? "–"
    : Array.isArray(value)
    ? value.map(plain).join(", ")
    : value && typeof value === "object"
      ? Object.entries(value).map(([name, one]) => `${name}: ${plain(one)}`).join(" · ")
      : String(value);

// A value inside a value: dates and instants as people write them, codes in words, names of members by their kind.
const within = (value, kind) => {
  if (Array.isArray(value)) return value.map((one) => within(one, kind)).join("; ");
  if (value && typeof value === "object")
    return Object.entries(value).filter(([, one]) => one !== null).map(([code, one]) => `${codeOf(kind, code)} ${within(one, kind)}`).join(", ");
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return write.moment(value);
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return write.date(value);
  const code = plain(value);
  return ["kind", "leave", "mode"].map((one) => words.codes?.[`${one}.${code}`]).find(Boolean) ?? code;
};

const write = {
  // A date is the city's already; it names no instant.
  date: (value) => day.format(new Date(`${String(value).slice(0, 10)}T12:00:00+07:00`)),
  moment: (value) => `${day.format(new Date(value))} ${minute.format(new Date(value))}`,
  clock: (value) => minute.format(new Date(value)),
  number: (value) => figure.format(value),
  percent: (value) => share.format(value),
  count: (value) => figure.format(value.length),
  brief: (value) => String(value).slice(0, 8),
  person: (value) => words.names?.[value] ?? String(value).slice(0, 8),
};

/** Writes names where ids stand: doors of other services list people by id. For those who may find people by name. */
async function name(root) {
  if (!words.may_find) return;
  words.names ??= {};
  const places = [...root.querySelectorAll("[data-person]")];
  const unknown = [...new Set(places.map((place) => place.dataset.person))].filter((id) => !(id in words.names));
  for (let start = 0; start < unknown.length; start += 100) {
    const ids = unknown.slice(start, start + 100);
    const found = await call("GET", `/reporting/v1/people?limit=200&ids=${ids.join(",")}`);
    for (const one of found.items) if (one.name) words.names[one.employee_id] = one.name;
  }
  for (const place of places) place.textContent = write.person(place.dataset.person);
}

/** A value in words: by `as`, as `word:kind`, the text of that kind and code, or as `fields:kind`, each
 * member of an object with the text of its name. */
export function written(value, as) {
  if (value === null || value === undefined || value === "") return "–";
  const [how, kind] = as?.split(":") ?? [];
  if (how === "fields")
    return Object.entries(value)
      .filter(([, one]) => one !== null && one !== false && one !== "" && !(Array.isArray(one) && !one.length))
      .map(([code, one]) => (one === true ? codeOf(kind, code) : `${codeOf(kind, code)}: ${within(one, kind)}`))
      .join(" · ") || "–";
  if (how === "word") {
    const said = (code) => codeOf(kind, code);
    if (Array.isArray(value)) return value.map(said).join(", ") || "–";
    if (typeof value === "object") return Object.entries(value).map(([code, n]) => `${said(code)}: ${plain(n)}`).join(" · ") || "–";
    return said(String(value));
  }
  return as ? write[as](value) : plain(value) || "–";
}

/** An instant as a browser's field has it: local date and time in WIB. */
const local = (instant) => new Date(Date.parse(instant) + 7 * 3_600_000).toISOString().slice(0, 16);

function holds(item, when) {
  if (when.startsWith("!")) return !holds(item, when.slice(1));
  const [, path, sign, codes] = /^([^!=]+)(!?=)?(.*)$/.exec(when);
  const value = at(item, path);
  if (!sign) return value && typeof value === "object" ? Object.keys(value).length > 0 : Boolean(value);
  return codes.split("|").includes(String(value)) === (sign === "=");
}

const filled = (text, item) => text.replace(/\{([\w.]+)\}/g, (_, path) => encodeURIComponent(at(item, path) ?? ""));

function fill(root, item) {
  const all = (name) => [...(root.matches?.(`[data-${name}]`) ? [root] : []), ...root.querySelectorAll(`[data-${name}]`)];
  for (const element of all("when")) if (!holds(item, element.dataset.when)) element.remove();
  for (const element of all("each")) {
    const template = element.querySelector(":scope > template");
    for (const one of at(item, element.dataset.each) ?? []) element.append(draw(template, one));
  }
  for (const element of all("text")) {
    if (element.dataset.drawn) continue;
    element.dataset.drawn = "yes";
    const value = at(item, element.dataset.text);
    if (element.dataset.as === "person" && /^[0-9a-f-]{36}$/.test(value)) element.dataset.person = value;
    element.textContent = written(value, element.dataset.as);
  }
  for (const element of all("set")) {
    if (element.dataset.put) continue;
    element.dataset.put = "yes";
    for (const one of element.dataset.set.split(";")) {
      const [attribute, path] = one.trim().split("=");
      const value = path?.startsWith("@") ? local(at(item, path.slice(1))) : path ? at(item, path) : filled(element.getAttribute(attribute), item);
      if (value === null || value === undefined) continue;
      if (element.localName === "textarea" && Array.isArray(value)) { element.value = value.join("\n"); continue; }
      if (element.multiple && Array.isArray(value)) { for (const option of element.options) option.selected = value.includes(option.value); continue; }
      if (typeof value === "object") { element.setAttribute(attribute, JSON.stringify(value)); continue; }
      if (element.localName === "select" || element.localName === "textarea") element.value = value;
      else element.setAttribute(attribute, value);
    }
  }
}

let drawn = 0;

/** The template's content with an item's values in it. Ids are made its own, so that labels find their fields. */
export function draw(template, item) {
  const copy = template.content.cloneNode(true);
  for (const child of [...copy.children]) fill(child, item);
  drawn += 1;
  for (const element of copy.querySelectorAll("[id]")) element.id = `${element.id}-${drawn}`;
  for (const name of ["for", "aria-labelledby", "aria-describedby", "list"])
    for (const element of copy.querySelectorAll(`[${name}]`)) element.setAttribute(name, `${element.getAttribute(name)}-${drawn}`);
  return copy;
}

/** Keeps one list: `load` shows its first page again, `more` the next. */
export function list(section) {
  const into = section.querySelector("[data-into]");
  const template = section.querySelector("template");
  const said = section.querySelector("[data-said]");
  const more = section.querySelector("[data-more]");
  const none = section.querySelector("[data-none]");
  let next = null;
  let turn = 0;
  const show = async (cursor) => {
    const mine = (turn += 1);
    const door = section.dataset.list;
    section.setAttribute("aria-busy", "true");
    try {
      const path = cursor ? `${door}${door.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : door;
      const page = await call("GET", path);
      if (mine !== turn) return;
      const items = page.items ?? [page];
      if (!cursor) into.replaceChildren();
      for (const item of items)
        if (!section.dataset.only || holds(item, section.dataset.only)) into.append(draw(template, item));
      enliven(into);
      open(into);
      void name(into).catch(() => {}); // ids stay where no names can be had
      next = page.next ?? null;
      if (more) more.hidden = next === null;
      if (none) none.hidden = into.children.length > 0;
      if (said) { said.textContent = ""; said.classList.remove("wrong"); }
      section.dispatchEvent(new CustomEvent("listed", { bubbles: true, detail: page }));
    } catch (error) {
      if (mine !== turn) return;
      if (none) none.hidden = true;
      if (said) { said.classList.add("wrong"); said.textContent = told(error); }
    } finally {
      if (mine === turn) section.removeAttribute("aria-busy");
    }
  };
  more?.addEventListener("click", () => void show(next));
  // What is done in a row alters the list. What its form said goes with it, so the list says it.
  section.addEventListener("acted", async (event) => {
    if (event.target.dataset.stays !== undefined) return;
    const done = event.target.dataset.done ?? words.done;
    await show(null);
    if (said) said.textContent = done;
    section.focus();
  });
  const load = () => show(null);
  section.tabIndex = -1;
  return { load };
}

const lists = {};

/** Runs the lists under `root` that do not run yet. */
function open(root) {
  for (const section of root.querySelectorAll("[data-list]:not([data-runs])")) {
    section.dataset.runs = "yes";
    const kept = list(section);
    if (section.id) lists[section.id] = kept;
    const details = section.closest("details");
    if (details) details.addEventListener("toggle", () => { if (details.open) void kept.load(); }, { once: true });
    else if (section.dataset.waits === undefined) void kept.load();
  }
}

/** Runs every list and every answer under `root`; returns the lists by their id. */
export function enlist(root = document) {
  // A select narrows what is shown of a list by one member of its items.
  for (const select of root.querySelectorAll("select[data-filters]")) {
    const section = document.getElementById(select.dataset.filters);
    const narrow = () => { section.dataset.only = `${select.dataset.by}=${select.value}`; };
    narrow();
    select.addEventListener("change", () => { narrow(); void lists[section.id].load(); });
  }
  open(root);
  root.addEventListener("acted", (event) => {
    const place = document.getElementById(event.target.dataset.answers);
    if (place) {
      for (const child of [...place.children]) if (child.localName !== "template") child.remove();
      place.append(draw(place.querySelector("template"), event.detail ?? {}));
      enliven(place);
      void name(place).catch(() => {});
    }
    const told = event.target.dataset.tells?.split(" ").filter((code) => event.detail?.[code] !== undefined);
    if (told) {
      const said = told.map((code) => `${codeOf("told", code)}: ${plain(event.detail[code])}`).join(" · ");
      setTimeout(() => event.target.querySelector("[data-said]").append(` ${said}`));
    }
    for (const id of (event.target.dataset.reloads ?? "").split(" ")) void lists[id]?.load();
  });
  // A form that narrows a list: its fields become the query of the list's door.
  for (const form of root.querySelectorAll("form[data-narrows]"))
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const section = document.getElementById(form.dataset.narrows);
      const [path, kept] = form.dataset.door.split("?");
      const given = new URLSearchParams(kept);
      const filledPath = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(form.elements[name].value.trim()));
      for (const [name, value] of new FormData(form))
        if (String(value).trim() && !path.includes(`{${name}}`)) given.set(name, String(value).trim());
      section.dataset.list = given.size ? `${filledPath}?${given}` : filledPath;
      void lists[section.id].load();
    });
  enliven(root);
  return lists;
}
