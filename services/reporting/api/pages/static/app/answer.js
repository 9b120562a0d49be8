// The answer to a call for help at a counter, in the message that asks.

import { told } from "../acts.js";
import { call } from "../doors.js";
import { say } from "./said.js";

/** Shows the buttons of a message that asks for help, and says in `row` what came of them. */
export function answerable(message, row) {
  if (message.kind !== "counter.call") return;
  const place = row.querySelector("[data-answers]");
  const said = row.querySelector("[data-answered]");
  const buttons = [...place.querySelectorAll("button")];
  const answer = async (value) => {
    for (const button of buttons) button.disabled = true;
    try {
      const path = `/notifications/v1/me/inbox/${message.notification_id}/answer`;
      const made = await call("POST", path, { answer: value });
      said.textContent = say(`inbox.answered.${made.answer}`);
    } catch (error) {
      said.textContent = told(error);
    }
    for (const button of buttons) button.disabled = false;
  };
  for (const button of buttons) button.addEventListener("click", () => void answer(button.value));
  place.hidden = false;
}
