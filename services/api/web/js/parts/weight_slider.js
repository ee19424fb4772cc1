/** A slider for the share of descriptions against readers. */

import { el } from "../dom.js";

const STEP = 5;

/**
 * @param {number} evaluated the default share of the content list
 * @param {(share: number | null) => void} onShift `null` is the default
 * @returns {HTMLElement}
 */
export function weightSlider(evaluated, onShift) {
  const usual = Math.round((100 * evaluated) / STEP) * STEP;
  const output = el("output.weights", { for: "weight" });
  const reset = /** @type {HTMLButtonElement} */ (el("button.quiet-button", { type: "button" }, "Reset"));
  const input = /** @type {HTMLInputElement} */ (el("input", { id: "weight", type: "range", min: 0, max: 100, step: STEP, "aria-describedby": "weight-ends" }));
  const say = () => {
    const about = Number(input.value);
    const text = `${100 - about} % readers, ${about} % descriptions`;
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
    input.style.setProperty("--at", `${about}%`);
    reset.disabled = about === usual;
  };
  input.value = String(usual);
  say();
  input.addEventListener("input", () => {
    say();
    onShift(Number(input.value) / 100);
  });
  reset.addEventListener("click", () => {
    input.value = String(usual);
    say();
    onShift(null);
    input.focus();
  });
  return el(
    "section.weight",
    {},
    el("h2", {}, el("label", { for: "weight" }, "What counts")),
    input,
    el("p.weight-ends", { id: "weight-ends" }, el("span", {}, "Similar readers"), el("span", {}, "Similar descriptions")),
    el("p.weight-now", {}, output, reset),
  );
}
