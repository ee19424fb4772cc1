/** Notices across the page, and the panels for errors and for an empty service. */

import { el } from "../dom.js";

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/**
 * Show a notice, one for each kind, until it is withdrawn.
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

/** An error as a panel in place of the content. @param {import("../data/api.js").ApiError | Error} error */
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
    el("p", {}, "Nothing has been published yet, or it cannot be loaded."),
    el("p.quiet", {}, "Run ", el("code", {}, "nightshelf demo"), " or ", el("code", {}, "nightshelf nightly --source FOLDER"),
      "; this page updates by itself."),
  );
}
