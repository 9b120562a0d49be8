// What one wished for a date, and taking it back.

import { told } from "../acts.js";
import { call } from "../doors.js";

const $ = (id) => document.getElementById(id);
const date = location.pathname.split("/").pop();

async function show() {
  try {
    const wish = (await call("GET", "/scheduling/v1/me/wishes")).items.find((one) => one.work_date === date);
    $("unwish").hidden = !wish;
    if (wish) { $("mode").value = wish.mode; $("weight").value = wish.weight; }
  } catch (error) {
    $("wished").textContent = told(error);
  }
}
for (const form of [$("wish"), $("unwish")]) form.addEventListener("acted", () => void show());
await show();
