// Finds a person by name: <div data-pick> with a search field and the <select> that the form sends.

import { call } from "./doors.js";
import { told } from "./acts.js";
import { words } from "./lists.js";

const PAUSE_MS = 250;

export function enpick(root = document) {
  for (const place of root.querySelectorAll("[data-pick]")) {
    if (place.dataset.lively) continue;
    place.dataset.lively = "yes";
    const field = place.querySelector("input[type=search]");
    const chosen = place.querySelector("select");
    const said = place.querySelector("[data-found]");
    let turn = 0;
    const look = async () => {
      const mine = (turn += 1);
      const text = field.value.trim();
      if (text.length < 2) return;
      await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
      if (mine !== turn) return;
      try {
        const page = await call("GET", `/reporting/v1/people?limit=20&q=${encodeURIComponent(text)}`);
        if (mine !== turn) return;
        chosen.replaceChildren(
          ...page.items.map((one) => new Option(`${one.name} · ${one.unit_name ?? one.unit_id ?? "–"}`, one.employee_id)),
        );
        said.textContent = page.items.length ? words.found.replace("#", page.items.length) : words.found_none;
      } catch (error) {
        if (mine === turn) said.textContent = told(error);
      }
    };
    field.addEventListener("input", () => void look());
    // Enter looks; it does not send a form that nobody has been chosen for.
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); void look(); } });
  }
}
