// One alert of a counter: drawn anew while it is looked at, so that answers are seen; never under somebody's finger.

import { enlist } from "../lists.js";

const AGAIN_MS = 15_000;
const section = document.getElementById("alert");
const { alert } = enlist();

setInterval(() => {
  const busy = section.querySelector("[aria-busy=true]") || section.querySelector(":focus");
  if (!document.hidden && !busy) void alert.load();
}, AGAIN_MS);
