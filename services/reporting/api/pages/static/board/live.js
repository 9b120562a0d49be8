// Keeps the board live: the server drew the page, this puts newer figures in the same places.
"use strict";
(() => {
  const body = document.body;
  if (body.dataset.live !== "yes") return;

  const locale = body.dataset.lang === "en" ? "en-GB" : "id-ID";
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const share = new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const hours = { timeZone: body.dataset.zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" };
  const clock = new Intl.DateTimeFormat(locale, hours);
  const clockSeconds = new Intl.DateTimeFormat(locale, { ...hours, second: "2-digit" });

  const write = {
    number: (value) => (value == null ? "–" : whole.format(value)),
    // 99.96 % must not read as 100 %, nor 0.04 % as 0 %.
    percent: (value) =>
      value == null ? "–" : share.format(value >= 1 || value <= 0 ? value : Math.min(Math.max(value, 0.001), 0.999)),
  };
  write.interval = (duty) =>
    duty.n ? `${write.percent(duty.wilson_low)}–${write.percent(duty.wilson_high)}` : write.percent(null);
  const at = (root, path) => path.split(".").reduce((value, name) => (value == null ? value : value[name]), root);
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const pc = (value) => `${((value ?? 0) * 100).toFixed(2)}%`;
  const there = (kind, id) => `/reporting/board/${kind}/${encodeURIComponent(id)}${body.dataset.asked}`;
  const $ = (selector, root = document) => root.querySelector(selector);

  // --- Connection -----------------------------------------------------------------------------------------
  const state = $("#state");
  let heardAt = Date.now();
  const show = (kind) => {
    state.className = `state ${kind}`;
    put($("#state-text"), body.dataset[`words${kind[0].toUpperCase()}${kind.slice(1)}`]);
  };
  setInterval(() => { if (state.classList.contains("live") && Date.now() - heardAt > 60000) show("late"); }, 5000);

  // --- Figures --------------------------------------------------------------------------------------------
  function bar(svg, duty) {
    const [low, high] = [duty.low ?? 0, duty.high ?? 0];
    $(".solid", svg).setAttribute("width", pc(low));
    $(".maybe", svg).setAttribute("x", pc(low));
    $(".maybe", svg).setAttribute("width", pc(high - low));
    const tick = $(".tick", svg);
    if (!tick) return;
    tick.setAttribute("x1", pc(duty.rate));
    tick.setAttribute("x2", pc(duty.rate));
    tick.setAttribute("visibility", duty.rate == null ? "hidden" : "visible");
    $(".whisker", svg).setAttribute("x1", pc(duty.wilson_low));
    $(".whisker", svg).setAttribute("x2", pc(duty.wilson_high));
  }

  // Null where either number is withheld or there is nobody.
  const shareOf = (view, mode) =>
    view.employees && view.modes[mode] != null ? view.modes[mode] / view.employees : null;

  function headline(view) {
    moment(view.date, view.as_of);
    for (const element of document.querySelectorAll("[data-bind]"))
      put(element, write[element.dataset.as](at(view, element.dataset.bind)));
    for (const element of document.querySelectorAll("[data-duty]"))
      bar($("svg.bar", element), view.duties[element.dataset.duty]);
    let x = 0;
    for (const rect of document.querySelectorAll("svg.share rect")) {
      const width = shareOf(view, rect.dataset.mode) ?? 0;
      rect.setAttribute("x", pc(x));
      rect.setAttribute("width", pc(width));
      x += width;
    }
    for (const element of document.querySelectorAll("[data-share]"))
      put(element, write.percent(shareOf(view, element.dataset.share)));
  }

  function moment(date, asOf) {
    const [year, month, day] = date.split("-").map(Number);
    const weekday = (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
    const words = (name) => body.dataset[name].split(" ");
    put($("[data-bind-day]"), `${words("weekdays")[weekday]}, ${day} ${words("months")[month - 1]} ${year}`);
    const time = $("[data-bind-clock]");
    time.setAttribute("datetime", asOf);
    put(time, clockSeconds.format(new Date(asOf)));
  }

  // --- OPD ------------------------------------------------------------------------------------------------
  // In the order in which the page was drawn: a row that moves away while it is read helps nobody.
  function opds(items) {
    if (body.dataset.headline === "opds") {
      if (items.length) headline(items[0]);
      return;
    }
    const table = $("#opds");
    if (!table) { if (items.length) location.reload(); return; }  // the first figures of an empty system
    const rows = new Map([...table.rows].map((row) => [row.dataset.opdCode, row]));
    for (const opd of items) {
      let row = rows.get(opd.opd_code);
      if (!row) {
        row = table.rows[0].cloneNode(true);
        row.dataset.opdCode = opd.opd_code;
        $("a", row).href = there("opds", opd.opd_code);
        table.append(row);
      }
      rows.delete(opd.opd_code);
      put($("th a", row), opd.opd_name);
      for (const cell of row.cells) {
        const what = cell.dataset.cell;
        if (what === "employees") put(cell, write.number(opd.employees));
        else if (what === "attainment") put(cell, write.percent(opd.coverage.attainment));
        else if (what === "counters") {
          const short = $("span", cell);
          put(short, String(opd.coverage.short));
          short.className = opd.coverage.short ? "bad" : "";
          if (cell.lastChild.textContent !== ` / ${opd.coverage.open}`) cell.lastChild.textContent = ` / ${opd.coverage.open}`;
        } else if (what) put(cell, write.percent(opd.duties[what].rate));
      }
    }
    for (const row of rows.values()) row.remove();
  }

  // --- Counters -------------------------------------------------------------------------------------------
  function units(view) {
    for (const element of document.querySelectorAll("[data-counter]")) {
      const what = element.dataset.counter;
      put(element, (what === "attainment" ? write.percent : write.number)(view.coverage[what]));
    }
    const list = $("#short");
    const rows = new Map([...list.children].map((row) => [row.dataset.unit, row]));
    view.short.forEach((unit, position) => {
      let row = rows.get(unit.unit_id);
      rows.delete(unit.unit_id);
      if (!row) {
        row = $("#short-row").content.firstElementChild.cloneNode(true);
        row.dataset.unit = unit.unit_id;
        row.classList.add("fresh");
      }
      put($("[data-name]", row), unit.name);
      $("[data-name]", row).href = there("units", unit.unit_id);
      put($("[data-opd]", row), unit.opd_name);
      put($("[data-present]", row), String(unit.present_low));
      put($("[data-required]", row), String(unit.required));
      put($("[data-since]", row), clock.format(new Date(unit.since)));
      if (list.children[position] !== row) list.insertBefore(row, list.children[position] ?? null);
    });
    for (const row of rows.values()) row.remove();
    $("#calm").hidden = view.coverage.short > 0;
  }

  // --- Stream ---------------------------------------------------------------------------------------------
  const source = new EventSource("/reporting/v1/stream");
  const on = (name, use) =>
    source.addEventListener(name, (event) => {
      heardAt = Date.now();
      show("live");
      use(JSON.parse(event.data));
    });
  on("city", headline);
  on("opds", (view) => opds(view.items));
  on("units", units);
  source.addEventListener("open", () => { heardAt = Date.now(); show("live"); });
  source.addEventListener("error", () => show("lost"));
})();
