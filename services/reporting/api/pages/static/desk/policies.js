// Policies: a reference or a policy that holds is taken as a draft; a draft is tried before it is given.

import { call } from "../doors.js";
import { bodyOf, complain, enliven, once } from "../acts.js";
import { draw, enlist, at } from "../lists.js";

const draft = document.getElementById("draft");
const kind = document.getElementById("kind");
const tried = document.getElementById("try");

function fitKind() {
  for (const part of draft.querySelectorAll("[data-kind]")) {
    part.hidden = part.dataset.kind !== kind.value;
    part.disabled = part.hidden;
  }
}
kind.addEventListener("change", fitKind);

function take(policy) {
  draft.reset();
  for (const field of draft.elements) {
    if (!field.name || field.type === "submit") continue;
    const value = at(policy, field.name);
    if (value === undefined || value === null) continue;
    if (field.type === "checkbox") field.checked = Array.isArray(value) ? value.map(String).includes(field.value) : value === true;
    else if (field.multiple) for (const option of field.options) option.selected = value.includes(option.value);
    else if (Array.isArray(value)) field.value = value[0] ?? "";
    else field.value = String(value);
  }
  fitKind();
  document.getElementById("draft-h").focus();
  document.getElementById("draft-h").scrollIntoView();
}

document.addEventListener("listed", (event) => {
  const rows = event.target.querySelectorAll("[data-into] > li");
  event.detail.items.forEach((item, place) => {
    rows[place].querySelector("[data-take]")?.addEventListener("click", (click) => take(at(item, click.target.dataset.take)));
  });
});

tried.addEventListener("submit", (event) => {
  event.preventDefault();
  const { body: policy } = bodyOf(draft);
  const scope = policy.scope ?? {};
  void once(tried, async () => {
    try {
      const body = { from: tried.elements.from.value, to: tried.elements.to.value, scope, policy };
      const answer = await call("POST", "/scheduling/v1/rosters/what-if", body);
      complain(tried, null);
      const effect = document.getElementById("effect");
      for (const child of [...effect.children]) if (child.localName !== "template") child.remove();
      effect.append(draw(effect.querySelector("template"), answer));
    } catch (error) {
      complain(tried, error);
    }
  });
});
tried.querySelector("fieldset").disabled = false;
fitKind();
enlist();
enliven();
