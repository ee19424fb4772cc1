/** What the page says across its whole width: the engine is degraded, something could not be done. */

import { el } from "../dom.js";

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/**
 * Show a notice, once for each kind, until it is taken away.
 * @param {string} kind
 * @param {string} text
 * @param {"calm" | "alert"} [tone]
 */
export function notice(kind, text, tone = "calm") {
  const there = shown.get(kind);
  if (there?.textContent === text) return;
  const element = el(`p.notice.notice-${tone}`, { "data-kind": kind }, text);
  if (there) there.replaceWith(element);
  else document.getElementById("notices")?.append(element);
  shown.set(kind, element);
}

/** @param {string} kind */
export function withdraw(kind) {
  shown.get(kind)?.remove();
  shown.delete(kind);
}

/** What is wrong, as a panel in place of what should be there. @param {import("../data/api.js").ApiError | Error} error */
export function failure(error) {
  const problem = error.problem ?? {};
  return el(
    "section.empty",
    {},
    el("h2", {}, problem.title ?? "Something went wrong"),
    el("p", {}, error.message),
    problem.hint && el("p.quiet", {}, problem.hint),
  );
}

/** Before the first night. */
export function emptyShelf() {
  return el(
    "section.empty.empty-shelf",
    {},
    el("div.bare-board", { "aria-hidden": "true" }),
    el("h1", { tabindex: "-1" }, "The shelf is still empty"),
    el("p", {}, "No night has been published yet, or what was published cannot be loaded."),
    el("p.quiet", {}, "Run ", el("code", {}, "nightshelf demo"), " or ", el("code", {}, "nightshelf nightly --source FOLDER"),
      "; this page notices by itself."),
  );
}
