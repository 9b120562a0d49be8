// Swaps of days at home: those under way, and a colleague's yes or no.

import { complain, once, told } from "../acts.js";
import { call } from "../doors.js";
import { copyOf, dateOf, say } from "./said.js";

const $ = (id) => document.getElementById(id);
const me = document.querySelector("meta[name=person]").content;

function show(swap) {
  const mine = swap.asker_id === me;
  const [given, got] = mine ? [swap.asker_date, swap.partner_date] : [swap.partner_date, swap.asker_date];
  const row = copyOf("swap-row", {
    days: say("swap.line", { mine: dateOf(given), theirs: dateOf(got) }),
    status: say(`swap.status.${swap.status}`),
    whose: say(mine ? "swap.of_me" : "swap.of_them"),
  });
  const asked = swap.status === "asked";
  const act = (name, door) => {
    const button = row.querySelector(`[data-${name}]`);
    button.addEventListener("click", () => void once(button, async () => {
      try {
        await call("POST", `/scheduling/v1/swaps/${swap.swap_id}/${door}`);
        await load();
      } catch (error) {
        $("swaps-said").textContent = told(error);
      }
    }));
    return button;
  };
  act("agree", "agree").hidden = !(asked && swap.partner_id === me);
  act("refuse", "refuse").hidden = !(["asked", "agreed"].includes(swap.status) && [swap.asker_id, swap.partner_id].includes(me));
  return row;
}

async function load() {
  try {
    const found = await call("GET", "/scheduling/v1/me/swaps");
    $("swaps").replaceChildren(...found.items.map(show));
    $("swaps-said").textContent = found.items.length ? "" : say("swap.none");
  } catch (error) {
    $("swaps-said").textContent = told(error);
  }
}

// --- Asking ------------------------------------------------------------------------------------------------------
const form = $("ask");
async function partners() {
  const said = form.querySelector("[data-said]");
  try {
    const found = await call("GET", `/scheduling/v1/me/swaps/partners?my_date=${$("my_date").value}`);
    $("partner").replaceChildren(...found.items.map((one) => new Option(dateOf(one.their_date), `${one.their_date} ${one.partner}`)));
    said.textContent = found.items.length ? "" : say("swap.no_partner");
    form.querySelector("[type=submit]").disabled = found.items.length === 0;
  } catch (error) {
    said.textContent = told(error);
  }
}
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  void once(form, async () => {
    try {
      const [their_date, partner] = $("partner").value.split(" ");
      await call("POST", "/scheduling/v1/me/swaps", { partner, my_date: $("my_date").value, their_date });
      await load();
      await partners();
      form.querySelector("[data-said]").textContent = say("swap.asked");
    } catch (error) {
      complain(form, error);
    }
  });
});
if (form) {
  $("my_date").addEventListener("change", () => void partners());
  form.hidden = false;
  void partners();
}
await load();
