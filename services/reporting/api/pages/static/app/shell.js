// The page without a network: whose phone it is and what they are to do, as it was when they last were connected.

import { dateOf, moment, say } from "./said.js";
import { me } from "./store.js";

const known = await me().catch(() => undefined);
const list = document.getElementById("plans");
if (known) {
  document.getElementById("seen").textContent = say("seen_at", { at: moment(known.drawn_at) });
  for (const plan of known.plans) {
    const row = document.getElementById("plan-row").content.firstElementChild.cloneNode(true);
    row.querySelector("[data-date]").textContent = dateOf(plan.work_date);
    row.querySelector("[data-what]").textContent = [plan.mode, plan.hours, plan.unit].filter(Boolean).join(" · ");
    list.append(row);
  }
  document.getElementById("known").hidden = false;
}
document.getElementById("again-online").addEventListener("click", () => location.reload());
window.addEventListener("online", () => location.reload());
