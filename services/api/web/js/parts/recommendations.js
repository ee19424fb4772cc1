/** A reader's recommendations: what is new, what moved, why each book is there, and buttons to react. */

import { cover } from "./cover.js";
import { calm, el } from "../dom.js";
import { stars } from "./rating.js";
import { records } from "../data/records.js";
import { bookLink } from "./shelf.js";
import { carriers, people, sourceName, whyListed } from "../words.js";

const MOVE = { duration: 420, easing: "cubic-bezier(.2, .7, .2, 1)" };

/**
 * @typedef {object} Acts
 * @property {(book: any, value: number) => Promise<void>} onRate
 * @property {(book: any) => Promise<void>} onDismiss
 */

/** A list that updates in place; books that stay move to their new positions. */
export class RecommendationList {
  /** @param {Acts} acts */
  constructor(acts) {
    this.element = el("ol.recommendations", { "aria-label": "Recommendations" });
    this.acts = acts;
    /** @type {string[]} */
    this.order = [];
  }

  /**
   * @param {any[]} items
   * @param {AbortSignal} [signal]
   * @returns {Promise<{entered: number, moved: number}>} what changed
   */
  async show(items, signal) {
    const known = await records(items.map((item) => item.book_id), signal);
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.closest("li")?.dataset.book : null;
    const before = new Map([...this.element.children].map((row) => [row.dataset.book, row.getBoundingClientRect().top]));
    const change = { entered: 0, moved: 0 };
    const rows = items.map((item, place) => {
      const was = this.order.indexOf(item.book_id);
      const first = !this.order.length;
      if (!first && was < 0) change.entered += 1;
      if (was >= 0 && was !== place) change.moved += 1;
      return this.row(item, known.get(item.book_id), first ? null : was < 0 ? "new" : was - place);
    });
    this.element.replaceChildren(...rows);
    this.order = items.map((item) => item.book_id);
    this.refocus(focused);
    if (!calm()) glide(rows, before);
    return change;
  }

  /** Keep the focus on a book, or on the first one if it is gone. @param {string | null | undefined} bookId */
  refocus(bookId) {
    if (!bookId) return;
    const row = [...this.element.children].find((one) => one.dataset.book === bookId) ?? this.element.children[0];
    row?.querySelector("a")?.focus({ preventScroll: true });
  }

  /** @param {any} item @param {any} record @param {"new" | number | null} moved */
  row(item, record, moved) {
    const because = item.because
      ? [el("span", {}, "Because of "), el("a", { href: bookLink(item.because.book_id) }, item.because.title), `: ${whyListed(item)}.`]
      : [`${whyListed(item)}.`];
    return el(
      "li.recommendation",
      { "data-book": item.book_id },
      el("a.recommendation-cover", { href: bookLink(item.book_id), tabindex: "-1", "aria-hidden": "true" }, cover(record ?? item)),
      el(
        "div.recommendation-words",
        {},
        el("h3", {}, el("a", { href: bookLink(item.book_id) }, item.title), movement(moved)),
        el("p.byline", {}, people(item.authors)),
        el("p.reason", {}, because),
        sourceBars(item.sources),
      ),
      el(
        "div.recommendation-acts",
        {},
        stars(item, { onRate: (value) => this.acts.onRate(item, value) }),
        el("button.quiet-button", { type: "button", "data-act": "dismiss", "aria-label": `Not for me: ${item.title}`, onclick: () => this.acts.onDismiss(item) }, "Not for me"),
      ),
    );
  }
}

/** @param {"new" | number | null} moved */
function movement(moved) {
  if (moved === "new") return el("span.moved.moved-new", {}, "new");
  if (!moved) return null;
  const [arrow, word] = moved > 0 ? ["↑", "up"] : ["↓", "down"];
  return el("span.moved", {}, el("span", { "aria-hidden": "true" }, `${arrow}${Math.abs(moved)}`), el("span.visually-hidden", {}, ` ${word} ${Math.abs(moved)}`));
}

/** The book's score in each list. @param {Record<string, number | null>} sources */
function sourceBars(sources) {
  const found = carriers(sources);
  if (!found.length) return null;
  return el("ul.sources", { "aria-label": "Scores by list" }, found.map(([source, score]) =>
    el("li", { "data-source": source }, el("span.source-name", {}, sourceName(source)),
      el("span.bar", { "aria-hidden": "true" }, el("span.bar-fill", { style: { width: `${Math.max(3, Math.round(100 * score))}%` } })),
      el("span.source-score", {}, score.toFixed(2)))));
}

/** @param {HTMLElement[]} rows @param {Map<string | undefined, number>} before */
function glide(rows, before) {
  for (const row of rows) {
    const was = before.get(row.dataset.book);
    const shift = was === undefined ? null : was - row.getBoundingClientRect().top;
    if (shift === null && before.size) row.animate([{ opacity: 0, transform: "translateX(12px)" }, { opacity: 1, transform: "none" }], MOVE);
    else if (shift) row.animate([{ transform: `translateY(${shift}px)` }, { transform: "none" }], MOVE);
  }
}
