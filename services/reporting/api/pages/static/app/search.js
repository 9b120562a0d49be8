// A field that searches the catalogue while somebody types (WAI-ARIA, combobox with a list of suggestions).

import { call } from "../doors.js";
import { say } from "./said.js";

const PAUSE_MS = 250;
let count = 0;

/**
 * Has `input` suggest tasks in force on `date`. `chosen(task)` is called with the task that was chosen, and with null
 * once the text is no longer that task's.
 */
export function suggesting(input, date, chosen) {
  const list = input.parentElement.querySelector("[role=listbox]");
  list.id = `tasks-${(count += 1)}`;
  list.setAttribute("aria-label", say("item.found"));
  input.setAttribute("aria-controls", list.id);
  let pause = null;
  let asked = null;
  let active = -1;

  function close() {
    list.hidden = true;
    list.replaceChildren();
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function mark(index) {
    const options = [...list.children];
    if (!options.length) return;
    active = (index + options.length) % options.length;
    for (const [at, option] of options.entries()) option.setAttribute("aria-selected", String(at === active));
    input.setAttribute("aria-activedescendant", options[active].id);
    options[active].scrollIntoView({ block: "nearest" });
  }

  function take(task) {
    input.value = task.name;
    close();
    chosen(task);
  }

  async function search() {
    const words = input.value.trim();
    if (words.length < 2) return close();
    asked?.abort();
    asked = new AbortController();
    let found;
    try {
      const query = new URLSearchParams({ q: words.slice(0, 100), date, limit: "8" });
      found = (await call("GET", `/reporting/v1/catalogue?${query}`, undefined, { signal: asked.signal })).items;
    } catch {
      return close(); // free text goes without
    }
    close();
    if (document.activeElement !== input || !found.length) return;
    list.replaceChildren(...found.map((task, at) => {
      const option = document.createElement("div");
      option.id = `${list.id}-${at}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const more = Object.assign(document.createElement("span"), {
        className: "muted small", textContent: ` ${task.unit} · ${say("item.norm", { minutes: task.norm_minutes })}`,
      });
      option.append(task.name, more);
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(task); });
      option.task = task;
      return option;
    }));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  input.addEventListener("input", () => {
    chosen(null);
    clearTimeout(pause);
    pause = setTimeout(search, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active - 1);
    else if (event.key === "Enter" && active >= 0) take(list.children[active].task);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
}
