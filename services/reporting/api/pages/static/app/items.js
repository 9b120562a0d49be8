// The list of items that a report or an intention is made of.

import { told } from "../acts.js";
import { call } from "../doors.js";
import { freshId } from "../ids.js";
import { shrunk } from "./photos.js";
import { say } from "./said.js";
import { suggesting } from "./search.js";

const $ = (id) => document.getElementById(id);

export class Items {
  #rows = [];

  /** `changed` is called whenever somebody has changed something. */
  constructor(work, changed) {
    this.work = work;
    this.changed = changed;
    this.targets = [];
    this.known = new Map(work.evidence.map((file) => [file.evidence_id, file]));
  }

  /** Shows these items in place of those that stand there. */
  show(items) {
    this.#rows = [];
    $("items").replaceChildren();
    for (const item of items) this.add(item);
    this.#count();
  }

  get length() {
    return this.#rows.length;
  }

  /** The targets of the year that an item may name. */
  offer(targets) {
    this.targets = targets;
    for (const row of this.#rows) this.#fillTargets(row);
  }

  add(item = {}) {
    const element = $("item-row").content.firstElementChild.cloneNode(true);
    const row = { element, item_id: item.item_id ?? freshId().slice(0, 8), code: item.task_code ?? null, evidence: [...(item.evidence ?? [])] };
    const part = (name) => element.querySelector(`[data-part=${name}]`);
    row.part = part;
    for (const field of element.querySelectorAll(".field")) {
      const input = field.querySelector("input, select");
      input.id = `${input.dataset.part}-${row.item_id}`;
      field.querySelector("label").htmlFor = input.id;
    }
    part("task").value = item.task ?? "";
    part("quantity").value = item.quantity ?? "";
    part("unit").value = item.unit ?? "";
    row.target = item.target ?? "";
    this.#fillTargets(row);
    const about = () => {
      part("unit").readOnly = row.code !== null;
      element.querySelector("[data-about]").textContent =
        row.code !== null ? row.code : part("task").value.trim() ? say("item.free") : "";
    };
    suggesting(part("task"), this.work.date, (task) => {
      row.code = task?.task_code ?? null;
      if (task) part("unit").value = task.unit;
      about();
      this.changed();
    });
    element.addEventListener("input", () => { row.target = part("target").value; about(); this.changed(); });
    element.querySelector("[data-remove]").addEventListener("click", () => {
      const at = this.#rows.indexOf(row);
      this.#rows.splice(at, 1);
      element.remove();
      this.#count();
      this.changed();
      (this.#rows[Math.min(at, this.#rows.length - 1)]?.part("task") ?? $("add")).focus();
    });
    const file = element.querySelector("[data-file]");
    file?.addEventListener("change", () => void this.#upload(row, [...file.files]).then(() => { file.value = ""; }));
    this.#rows.push(row);
    $("items").append(element);
    about();
    this.#photos(row);
    this.#count();
    return row;
  }

  /** The items as a body has them; `whole` false: a draft, in which anything may be missing. Throws {row, words}. */
  body(whole) {
    return this.#rows.map((row, index) => {
      const text = (name) => row.part(name).value.trim();
      const number = text("quantity").replace(",", ".");
      const quantity = number === "" ? null : Number(number);
      if (whole && this.work.what === "report" && quantity === null) throw this.#wrong(index, "quantity", say("item.empty"));
      if (quantity !== null && !(quantity >= 0)) {
        if (!whole) return this.#item(row, text, null);
        throw this.#wrong(index, "quantity", say("item.number"));
      }
      if (whole && row.code === null && !text("task")) throw this.#wrong(index, "task", say("item.empty"));
      if (whole && row.code === null && this.work.what === "report" && !text("unit")) throw this.#wrong(index, "unit", say("item.empty"));
      return this.#item(row, text, quantity);
    });
  }

  #item(row, text, quantity) {
    const named = row.code !== null ? { task_code: row.code, ...(this.work.what === "report" ? {} : {}) } : {};
    const item = { ...named, quantity };
    // The names go into a draft too, which is shown again before the catalogue has been asked.
    if (text("task")) item.task = text("task");
    if (text("unit")) item.unit = text("unit");
    if (row.target) item.target = row.target;
    if (this.work.what === "report") Object.assign(item, { item_id: row.item_id, evidence: row.evidence });
    return item;
  }

  #wrong(index, part, words) {
    return { fields: { [`items.${index}.${part}`]: words }, message: words };
  }

  /** Says at the items what is wrong with them, by `items.<index>.<part>`; answers with what belongs to none. */
  complain(fields) {
    for (const said of $("items").querySelectorAll(".wrong[data-of]")) said.remove();
    for (const field of $("items").querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    const others = [];
    let first = null;
    for (const [name, words] of Object.entries(fields)) {
      const [, index, part] = name.split(".");
      const row = this.#rows[Number(index)];
      const field = row?.part(part === "task_code" ? "task" : part) ?? row?.part("task");
      if (!field) { others.push(words); continue; }
      const said = Object.assign(document.createElement("p"), { className: "wrong", textContent: words, id: `${field.id}-wrong` });
      said.dataset.of = name;
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", said.id);
      field.parentElement.append(said);
      first ??= field;
    }
    first?.focus();
    return others;
  }

  #count() {
    $("no-items").hidden = this.#rows.length > 0;
    for (const [index, row] of this.#rows.entries()) {
      row.element.querySelector("legend").textContent = say("item.title", { n: index + 1 });
    }
  }

  #fillTargets(row) {
    const select = row.part("target");
    const known = this.targets.some((target) => target.code === row.target);
    const listed = row.target && !known ? [{ code: row.target, title: row.target }, ...this.targets] : this.targets;
    select.replaceChildren(
      new Option(say("item.no_target"), ""),
      ...listed.map(({ code, title }) => new Option(`${code} ${title === code ? "" : title}`.trim(), code)),
    );
    select.value = row.target;
    row.element.querySelector("[data-targets]").hidden = listed.length === 0;
  }

  async #upload(row, files) {
    const said = row.element.querySelector("[data-photo-said]");
    for (const file of files) {
      said.className = "small";
      said.textContent = say("item.photo_working");
      try {
        const body = await shrunk(file);
        const name = encodeURIComponent(file.name.slice(0, 200));
        const path = `/reporting/v1/me/reports/${this.work.date}/evidence?name=${name}`;
        const added = await call("POST", path, body, { headers: { "Content-Type": body.type || "application/octet-stream" } });
        if (body !== file) added.preview = URL.createObjectURL(body);
        this.known.set(added.evidence_id, added);
        if (!row.evidence.includes(added.evidence_id)) row.evidence.push(added.evidence_id);
        this.#photos(row);
        said.textContent = "";
        this.changed();
      } catch (error) {
        said.className = "small wrong";
        const why = Object.values(error.fields ?? {})[0] ?? told(error);
        said.textContent = say("item.photo_failed", { name: file.name, why });
        return;
      }
    }
  }

  #photos(row) {
    const list = row.element.querySelector("[data-photos]");
    if (!list) return;
    list.replaceChildren(...row.evidence.map((id) => {
      const file = this.known.get(id);
      const chip = document.createElement("li");
      if (file?.preview) chip.append(Object.assign(document.createElement("img"), { src: file.preview, alt: "" }));
      chip.append(Object.assign(document.createElement("span"), { textContent: file?.name ?? file?.media_type ?? id.slice(0, 8) }));
      const remove = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "×" });
      remove.setAttribute("aria-label", `${say("item.remove")}: ${file?.name ?? ""}`);
      remove.addEventListener("click", () => {
        row.evidence.splice(row.evidence.indexOf(id), 1);
        this.#photos(row);
        this.changed();
        // Until a report has named it the file can go as well; where it has, it stays, and nothing is said.
        const used = this.#rows.some((other) => other.evidence.includes(id));
        if (!used) void call("DELETE", `/reporting/v1/me/reports/${this.work.date}/evidence/${id}`).catch(() => {});
      });
      chip.append(remove);
      return chip;
    }));
  }
}
