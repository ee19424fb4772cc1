/** Shows the view that the address names, and notices about the service. */

import { ApiError, pageFacts } from "./data/api.js";
import { book } from "./views/book.js";
import { allowPictures } from "./parts/cover.js";
import { el } from "./dom.js";
import { find } from "./views/find.js";
import { emptyShelf, failure, notice, withdraw } from "./parts/notice.js";

/**
 * @typedef {object} Visit what a view gets
 * @property {string[]} path the parts of the address after the view's name
 * @property {URLSearchParams} query
 * @property {any} facts see `PageFacts` of the API
 * @property {AbortSignal} signal aborted when the view changes
 */

const LOOK_AGAIN_MILLISECONDS = 5000;
/** Find and Book are loaded with the page, the other views on first use. */
const VIEWS = {
  find: { title: "Find", load: async () => find },
  book: { title: "Book", load: async () => book },
  reader: { title: "Reader", load: async () => (await import("./views/reader.js")).reader },
  tribes: { title: "Tribes", load: async () => (await import("./views/tribes.js")).tribes },
  operations: { title: "Operations", load: async () => (await import("./views/operations.js")).operations, needsNothing: true },
};

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
let visit = new AbortController();
let looking = 0;
let first = true;

/** @returns {{name: string, path: string[], query: URLSearchParams}} */
function address() {
  const [route, search] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...path] = route.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const known = name in VIEWS && (name !== "book" || path[0]);
  return { name: known ? name : "find", path, query: new URLSearchParams(search ?? "") };
}

async function show() {
  visit.abort();
  visit = new AbortController();
  const { signal } = visit;
  const { name, path, query } = address();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("data-view") === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.setAttribute("aria-busy", "true");
  withdraw("rated");
  let content;
  try {
    const facts = await look();
    if (!facts.generation && !VIEWS[name].needsNothing) content = emptyShelf();
    else content = await (await VIEWS[name].load())({ path, query, facts, signal });
  } catch (error) {
    if (signal.aborted) return;
    content = el("div.view", {}, el("h1", { tabindex: "-1" }, VIEWS[name].title), failure(error));
    if (!(error instanceof ApiError)) console.error(error);
  }
  if (signal.aborted) return;
  main.replaceChildren(content);
  main.setAttribute("aria-busy", "false");
  main.dataset.view = name;
  main.dataset.at = location.hash;
  arrive(name);
}

/** Focus the heading, except on the first load, where the browser's own focus is right. @param {string} name */
function arrive(name) {
  const heading = main.querySelector("h1");
  document.title = `${heading?.textContent ?? VIEWS[name].title} · Nightshelf`;
  if (!first) {
    scrollTo(0, 0);
    heading?.focus({ preventScroll: true });
  }
  first = false;
}

/** Get the page facts, and show a notice if the service is degraded. */
async function look() {
  clearTimeout(looking);
  const facts = await pageFacts();
  allowPictures(facts.cover_urls);
  tell(facts);
  if (facts.redis === "away" || !facts.generation) looking = setTimeout(lookAgain, LOOK_AGAIN_MILLISECONDS, facts);
  return facts;
}

/** @param {any} before */
async function lookAgain(before) {
  try {
    const facts = await look();
    if (!before.generation && facts.generation) await show();
  } catch {
    looking = setTimeout(lookAgain, LOOK_AGAIN_MILLISECONDS, before);
  }
}

/** @param {any} facts */
function tell(facts) {
  if (facts.redis === "away") {
    notice("redis", "Redis is unavailable. You see popular books instead of personal lists, and ratings are not saved until it is back.", "alert");
  } else withdraw("redis");
  const provenance = document.getElementById("provenance");
  if (!provenance) return;
  if (facts.simulated_readers) provenance.replaceChildren(el("span.tag", {}, "simulated readers"), " This is a demo. The readers and all their ratings are simulated.");
  else provenance.textContent = "Recommendations are based on the ratings of this catalogue’s readers.";
}

/** A view that gets a degraded answer sends this event, so that the notice appears at once. */
document.addEventListener("nightshelf:look", () => look().catch(() => {}));
/** The address names the view, so the skip link moves the focus without changing it. */
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", show);
show();
