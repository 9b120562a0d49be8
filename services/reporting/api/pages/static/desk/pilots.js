// The page of pilots: what a protocol could tell is asked for as it stands in the fields, before it is registered.

import { bodyOf, complain, once } from "../acts.js";
import { call } from "../doors.js";
import { draw, enlist } from "../lists.js";

enlist();

for (const button of document.querySelectorAll("button[data-preview]")) {
  const form = button.form;
  const place = document.getElementById(button.dataset.preview);
  button.addEventListener("click", () => {
    if (!form.reportValidity()) return;
    void once(form, async () => {
      try {
        const answer = await call("POST", "/reporting/v1/pilots/power", bodyOf(form, button).body);
        complain(form, null);
        const template = place.querySelector("template");
        place.replaceChildren(template, draw(template, answer));
      } catch (error) {
        complain(form, error);
      }
    });
  });
}
