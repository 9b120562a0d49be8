// The team's day: many reports decided on in one call, an answer beside each.

import { call } from "../doors.js";
import { once, told } from "../acts.js";
import { words } from "../lists.js";

const form = document.getElementById("many");
const bulk = form?.querySelector(".bulk");

if (bulk) {
  const boxes = () => [...form.querySelectorAll("[data-choose]")];
  const chosen = () => boxes().filter((box) => box.checked && !box.disabled);
  const all = document.getElementById("all");
  const count = document.getElementById("chosen");
  const note = document.getElementById("note");
  const said = form.querySelector("[data-said]");

  const recount = () => {
    count.textContent = count.dataset.words.replace("#", chosen().length);
    bulk.classList.toggle("chosen", chosen().length > 0);
    all.checked = chosen().length > 0 && chosen().length === boxes().filter((box) => !box.disabled).length;
  };
  bulk.disabled = false;
  all.disabled = false;
  for (const box of boxes()) box.disabled = false;
  recount();
  form.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes()) if (!box.disabled) box.checked = all.checked;
    recount();
  });

  const tell = (row, wrong, text) => {
    const place = row.querySelector("[data-outcome]");
    place.classList.toggle("bad", wrong);
    place.classList.toggle("done", !wrong);
    place.textContent = text;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const decision = event.submitter?.value ?? "accepted";
    const rows = chosen().map((box) => box.closest("[data-report]"));
    said.classList.toggle("wrong", rows.length === 0);
    said.textContent = rows.length ? "" : words.codes["why.nothing_chosen"];
    if (!rows.length) return;
    void once(form, async () => {
      try {
        const reviews = rows.map((row) => ({
          report_id: row.dataset.report,
          revision: Number(row.dataset.revision),
          decision,
          ...(note.value.trim() ? { note: note.value.trim() } : {}),
        }));
        const { items } = await call("POST", "/reporting/v1/reviews", { reviews });
        let good = 0;
        items.forEach((answer, place) => {
          const row = rows[place];
          if (answer.status >= 300) return tell(row, true, answer.problem.detail);
          good += 1;
          tell(row, false, words.codes[`state.${answer.review.decision}`]);
          const box = row.querySelector("[data-choose]");
          box.checked = false;
          box.disabled = true;
          return undefined;
        });
        said.classList.toggle("wrong", good < items.length);
        said.classList.toggle("done", good === items.length);
        said.textContent = words.codes["why.decided"].replace("#", good).replace("%", items.length);
      } catch (error) {
        said.classList.add("wrong");
        said.textContent = told(error);
      }
      recount();
    });
  });
}
