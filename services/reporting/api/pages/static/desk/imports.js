// Imports: a file is tried, every wrong row is shown with its mend, and only what was tried can be stored.

import { Refused, call } from "../doors.js";
import { once, told } from "../acts.js";
import { draw, words } from "../lists.js";

const form = document.getElementById("import");
const [, apply] = form.querySelectorAll("button[type=submit]");
const [kind, file, reason, replace] = ["kind", "file", "reason", "replace"].map((id) => document.getElementById(id));
const said = form.querySelector("[data-said]");
const outcome = document.getElementById("outcome");
form.querySelector("fieldset").disabled = false;

const DOORS = {
  catalogue: "/reporting/v1/catalogue/imports",
  terminal_pins: "/attendance/v1/terminal-pins",
};
const ofScheduling = () => !(kind.value in DOORS);
let tried = null; // the very bytes that a dry run was happy with

function forget() {
  tried = null;
  apply.disabled = true;
  outcome.hidden = true;
  said.textContent = "";
}

function choose() {
  document.getElementById("columns").textContent = kind.selectedOptions[0].dataset.columns;
  for (const place of form.querySelectorAll("[data-of]"))
    place.hidden = !(place.dataset.of === "scheduling" ? ofScheduling() : place.dataset.of === kind.value);
  forget();
}
kind.addEventListener("change", choose);
file.addEventListener("change", forget);
replace.addEventListener("change", forget);
choose();

function show(template, item) {
  document.getElementById("answer").replaceChildren(draw(document.getElementById(template), item));
  outcome.hidden = false;
  outcome.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const storing = event.submitter === apply;
  void once(form, async () => {
    // Read now: what stands on the disk when it is stored may be another file than what was tried.
    const bytes = storing ? tried : new Blob([await file.files[0].arrayBuffer()], { type: "text/csv" });
    const query = new URLSearchParams({ dry_run: String(!storing) });
    if (ofScheduling() && reason.value.trim()) query.set("reason", reason.value.trim());
    if (kind.value === "holidays" && replace.checked) query.set("replace", "true");
    said.classList.remove("wrong", "done");
    said.textContent = words.codes["why.working"];
    try {
      const answer = await call("POST", `${DOORS[kind.value] ?? `/scheduling/v1/imports/${kind.value}`}?${query}`, bytes);
      tried = storing ? null : bytes;
      apply.disabled = storing;
      said.classList.toggle("done", storing);
      said.textContent = words.codes[storing ? "why.stored" : "why.tried"];
      show("good", answer);
    } catch (error) {
      apply.disabled = true;
      said.classList.add("wrong");
      if (error instanceof Refused && error.errors.length) {
        said.textContent = form.dataset.wordsRows.replace("#", error.total);
        show("bad", { message: error.message, errors: error.errors.map((wrong) => ({ ...wrong, row: wrong.row ?? wrong.field, column: wrong.column ?? "" })) });
      } else {
        outcome.hidden = true;
        said.textContent = told(error);
      }
    }
  });
});
