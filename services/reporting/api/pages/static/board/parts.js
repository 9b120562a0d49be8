// Where scripts run: what is slower than a page comes into it, a search answers while one types, a list opens in place.
"use strict";

const words = (document.documentElement.lang || "id") === "en" ? "en" : "id";

/** The part of another page of the board that is meant to stand in this one; null where there is none. */
async function part(address, signal) {
  const answer = await fetch(address, { signal, headers: { "Accept-Language": words } });
  if (!answer.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[data-part]");
}

for (const place of document.querySelectorAll("[data-fetch]")) {
  const wanted = new IntersectionObserver(async (seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    wanted.disconnect();
    place.setAttribute("aria-busy", "true");
    const found = await part(place.dataset.fetch).catch(() => null);
    if (found) place.querySelector("p").replaceWith(found);  // else the link stays
    place.removeAttribute("aria-busy");
  }, { rootMargin: "200px" });
  wanted.observe(place);
}

for (const form of document.querySelectorAll("form[data-finds]")) {
  const field = form.querySelector("input[type=search]");
  const place = document.querySelector(form.dataset.finds);
  let asking = new AbortController(), timer = 0;
  const find = async () => {
    asking.abort();
    asking = new AbortController();
    const here = document.location.pathname === new URL(form.action).pathname;
    if (!field.value.trim() && !here) return place.replaceChildren();
    const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
    const found = await part(address, asking.signal).catch(() => undefined);
    if (found) place.replaceChildren(found);
    else if (found === null) form.submit();  // signed out, or refused: the page says why
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 120); });
}

for (const link of document.querySelectorAll("a[data-shows]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const list = document.querySelector(link.dataset.shows);
    const first = list.querySelector(":scope > :nth-child(6) a");
    list.classList.remove("few");
    link.parentElement.remove();
    if (first) first.focus();
  });
}
