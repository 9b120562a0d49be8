// What one asks of the superior: a correction, an appeal. Each form has an id of its own from the start, so that
// pressing twice asks once.

import { once, told } from "../acts.js";
import { call, Refused } from "../doors.js";
import { freshId } from "../ids.js";
import { shrunk } from "./photos.js";
import { copyOf, dateOf, moment, say, time } from "./said.js";

const $ = (id) => document.getElementById(id);
const SERVICES = ["attendance", "scheduling"];

// --- What was asked ------------------------------------------------------------------------------------------
function about({ asks }) {
  const said = [];
  if (asks.work_date) said.push(dateOf(asks.work_date));
  if (asks.leave) said.push(say(`leave.${asks.leave}`));
  if (asks.from && asks.to) said.push(`${dateOf(asks.from)} – ${dateOf(asks.to)}`);
  if (asks.new_from && asks.new_to) said.push(`→ ${dateOf(asks.new_from)} – ${dateOf(asks.new_to)}`);
  for (const punch of asks.punches ?? []) said.push(`${say(`punch.${punch.kind}`)} ${time(punch.at)}`);
  if (asks.zone) said.push(say(`zone.${asks.zone}`));
  return said.join(" · ");
}

function show(request, service) {
  const row = copyOf("asked-row", {
    kind: say(`request.kind.${request.kind}`),
    state: say(`request.state.${request.state}`),
    about: [about(request), moment(request.asked_at)].filter(Boolean).join(" · "),
    reason: request.reason,
    answer: request.answer ? say("request.answer", { answer: request.answer })
      : request.state === "open" ? say("request.due", { at: moment(request.review_due) }) : "",
  });
  row.classList.add(`is-${{ granted: "met", refused: "not_met" }[request.state] ?? "pending"}`);
  const withdraw = row.querySelector("[data-withdraw]");
  withdraw.hidden = request.state !== "open";
  withdraw.addEventListener("click", () => void once(withdraw, async () => {
    try {
      await call("POST", `/${service}/v1/requests/${request.request_id}/withdrawal`, {});
      await load();
    } catch (error) {
      $("asked-said").textContent = told(error);
    }
  }));
  return row;
}

async function load() {
  const rows = [];
  let wrong = "";
  for (const service of SERVICES) {
    try {
      const found = await call("GET", `/${service}/v1/me/requests`);
      for (const request of found.items) rows.push([request.asked_at, show(request, service)]);
    } catch (error) {
      if (!(error instanceof Refused && error.status === 404)) wrong = told(error);
    }
  }
  rows.sort(([one], [other]) => Date.parse(other) - Date.parse(one));
  $("asked").replaceChildren(...rows.map(([, row]) => row));
  $("asked-said").textContent = wrong || (rows.length ? "" : say("request.none"));
}

// --- What was found about the place of one's punches -------------------------------------------------------------
async function flags() {
  const found = await call("GET", "/attendance/v1/me/flags").catch(() => ({ items: [] }));
  $("flagged").replaceChildren(...found.items.map((flag) => copyOf("flag-row", {
    date: dateOf(flag.work_date),
    state: say(`flag.state.${flag.state}`),
    told: flag.told,
    decision: flag.decision ? say("request.answer", { answer: flag.decision.reason }) : "",
  })));
  $("flags").hidden = found.items.length === 0;
}
void flags();

// --- Asking --------------------------------------------------------------------------------------------------
const local = (form, clock) => `${form.elements.work_date.value}T${clock}:00+07:00`;

function bodyOf(form) {
  const value = (name) => form.elements[name]?.value ?? "";
  const kind = form.dataset.kind;
  if (kind === "missed_punch") {
    const zone = value("zone") || null;
    const punches = ["in", "out"].filter((one) => value(one)).map((one) => ({ kind: one, at: local(form, value(one)), zone }));
    if (!punches.length) throw new Refused(422, { title: say("request.neither"), errors: [] });
    return { kind: form.elements.own_line.checked ? "own_line" : kind, work_date: value("work_date"), punches };
  }
  if (kind === "wrong_key") {
    const asked = { punch_id: value("punch_id") };
    return value("wrong") === "wrong_key" ? { kind, ...asked } : { kind: "wrong_place", ...asked, zone: value("wrong") };
  }
  if (kind === "appeal") return { kind, work_date: value("work_date"), duty: value("duty") };
  if (kind === "amendment") {
    const [category, from, to] = value("absence").split(" ");
    return { kind, category, from, to, new_from: value("from") || null, new_to: value("to") || null };
  }
  const span = { kind, from: value("from"), to: value("to") };
  return kind === "leave" ? { ...span, leave: value("leave") } : { ...span, letter: value("letter").trim() || null };
}

/** The day that evidence of a request is kept with. */
const dayOf = (form) => (form.elements.work_date ?? form.elements.from).value;

function complain(form, error) {
  for (const old of form.querySelectorAll(".wrong[data-of]")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  const said = form.querySelector("[data-said]");
  said.className = "wrong";
  said.textContent = told(error);
  for (const [name, words] of Object.entries(error.fields ?? {})) {
    const parts = name.split(".");
    const field = form.elements[name.replace("new_", "")] ?? form.elements[name] ?? form.elements[parts.at(-1)] ?? (name.startsWith("punches") ? form.elements.in : null);
    if (!(field instanceof Element)) { said.append(document.createElement("br"), words); continue; }
    field.setAttribute("aria-invalid", "true");
    const told = Object.assign(document.createElement("p"), { className: "wrong", textContent: words, id: `${field.id}-wrong` });
    told.dataset.of = name;
    field.setAttribute("aria-describedby", told.id);
    field.after(told);
  }
}

for (const form of document.querySelectorAll("form.request")) {
  let id = freshId();
  let evidence = null;
  const file = form.querySelector("[data-evidence]");
  file.addEventListener("change", () => {
    evidence = null;
    form.querySelector("[data-file-said]").textContent = file.files[0]?.name ?? "";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void once(form, async () => {
      try {
        const body = { request_id: id, reason: form.elements.reason.value.trim(), ...bodyOf(form) };
        if (file.files[0] && !evidence) {
          const picture = await shrunk(file.files[0]);
          const path = `/reporting/v1/me/reports/${dayOf(form)}/evidence?name=${encodeURIComponent(file.files[0].name)}`;
          evidence = await call("POST", path, picture, { headers: { "Content-Type": picture.type || "application/octet-stream" } });
        }
        if (evidence) body.evidence_id = evidence.evidence_id;
        await call("POST", `/${form.dataset.service}/v1/requests`, body);
        id = freshId();
        evidence = null;
        form.reset();
        form.querySelector("[data-file-said]").textContent = "";
        form.closest("details").open = false;
        await load();
        $("asked-said").textContent = say("request.sent");
        $("asked-said").scrollIntoView({ block: "center" });
      } catch (error) {
        complain(form, error);
      }
    });
  });
  form.hidden = false;
}

// --- The punches of a day ------------------------------------------------------------------------------------
const wrong = document.querySelector("form[data-kind=wrong_key]");
async function punches() {
  const list = wrong.elements.punch_id;
  try {
    const found = await call("GET", `/attendance/v1/me/punches?date=${wrong.elements.work_date.value}`);
    const standing = found.items.filter((punch) => !punch.void);
    list.replaceChildren(...standing.map((punch) =>
      new Option(`${say(`punch.${punch.kind}`)} ${time(punch.at)} (${say(`zone.${punch.zone}`)})`, punch.punch_id)));
    if (!standing.length) list.append(new Option(say("request.no_punches"), ""));
  } catch (error) {
    complain(wrong, error);
  }
}
// --- What the city lets people ask for -------------------------------------------------------------------------
async function offer() {
  const open = new Set((await call("GET", "/scheduling/v1/request-kinds")).items.filter((one) => one.may_ask).map((one) => one.kind));
  const form = (kind) => document.querySelector(`[data-asks=${kind}]`);
  for (const option of [...$("leave-kind").options]) if (!open.has(option.value)) option.remove();
  form("leave").hidden = $("leave-kind").options.length === 0;
  form("duty_travel").hidden = !open.has("duty_travel");
  if (open.has("amendment")) {
    const absences = (await call("GET", "/scheduling/v1/me/absences")).items;
    $("absence").replaceChildren(...absences.map((one) =>
      new Option(`${say(`request.kind.${one.category}`)}: ${dateOf(one.from_date)} – ${dateOf(one.to_date)}`,
        `${one.category} ${one.from_date} ${one.to_date}`)));
    form("amendment").hidden = absences.length === 0;
  }
  $("no-absences").hidden = open.size > 0;
}
offer().catch(() => { $("no-absences").hidden = false; });

wrong.elements.work_date.addEventListener("change", () => void punches());
wrong.closest("details").addEventListener("toggle", (event) => { if (event.target.open) void punches(); });
await load();
