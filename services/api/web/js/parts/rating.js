/** Five star buttons: one Tab stop, arrow keys to move between them, Enter or Space to rate. */

import { el } from "../dom.js";

const MOST = 5;

/**
 * @param {{title: string}} book
 * @param {{value?: number, onRate: (value: number) => Promise<void> | void}} options
 * @returns {HTMLElement}
 */
export function stars(book, { value = 0, onRate }) {
  let given = value;
  const buttons = Array.from({ length: MOST }, (_, place) => {
    const n = place + 1;
    return el("button.star", {
      type: "button", "data-stars": n, "aria-label": `${n} ${n === 1 ? "star" : "stars"}`, onclick: () => give(n),
    }, "☆");
  });
  const mark = (until) => buttons.forEach((button, place) => {
    button.classList.toggle("lit", place < until);
    button.textContent = place < until ? "★" : "☆";
  });
  const settle = () => {
    mark(given);
    buttons.forEach((button, place) => {
      button.setAttribute("aria-pressed", String(place + 1 === given));
      button.tabIndex = place + 1 === Math.max(given, 1) ? 0 : -1;
    });
  };
  const give = async (n) => {
    const before = given;
    given = n;
    settle();
    try {
      await onRate(n);
    } catch {
      given = before;
      settle();
    }
  };
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    if (!step || at < 0) return;
    event.preventDefault();
    const next = buttons[Math.min(MOST - 1, Math.max(0, at + step))];
    buttons.forEach((button) => { button.tabIndex = button === next ? 0 : -1; });
    next.focus();
  };
  settle();
  const group = el("div.stars", { role: "group", "aria-label": `Rate ${book.title}`, onkeydown: move, onpointerleave: () => mark(given) }, buttons);
  buttons.forEach((button, place) => button.addEventListener("pointerenter", () => mark(place + 1)));
  return group;
}
