// How scripts of the app speak: words of the page, and times of the server as people in the city read them.

const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
const locale = document.documentElement.lang === "en" ? "en-GB" : "id-ID";
const clock = new Intl.DateTimeFormat(locale, {
  timeZone: "Asia/Jakarta", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const day = new Intl.DateTimeFormat(locale, {
  timeZone: "Asia/Jakarta", weekday: "long", day: "numeric", month: "long", year: "numeric",
});
const plain = new Intl.DateTimeFormat(locale, {
  timeZone: "UTC", weekday: "long", day: "numeric", month: "long", year: "numeric",
});

/** The text of a code, with its places put in. */
export function say(code, places = {}) {
  return (words[code] ?? code).replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);
}

/** `07.29.12` of an instant. */
export const time = (instant) => clock.format(new Date(instant));
/** `Kamis, 6 November 2025` of an instant. */
export const date = (instant) => day.format(new Date(instant));
/** The same of a date, `2025-11-06`. */
export const dateOf = (text) => plain.format(new Date(`${text}T00:00:00Z`));
/** Date and time of an instant. */
export const moment = (instant) => `${date(instant)} ${time(instant)}`;

const bornAt = performance.now();
const bornNow = Date.parse(document.body?.dataset.now ?? "");

/** The server's time now, in milliseconds; NaN on a page that no server drew. The device's clock has no say in it. */
export const serverNow = () => bornNow + performance.now() - bornAt;
/** How far the device's clock was ahead of the server's when the page began, in milliseconds. */
export const deviceAhead = Number.isNaN(bornNow) ? 0 : Date.now() - bornNow;

/** A copy of the template `id`, filled: `fill` is {name: text} for its [data-name] elements. */
export function copyOf(id, fill = {}) {
  const copy = document.getElementById(id).content.firstElementChild.cloneNode(true);
  for (const [name, text] of Object.entries(fill)) {
    for (const place of copy.matches(`[data-${name}]`) ? [copy] : copy.querySelectorAll(`[data-${name}]`)) {
      place.textContent = text ?? "";
    }
  }
  return copy;
}
