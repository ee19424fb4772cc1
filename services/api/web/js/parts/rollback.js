/** Rolling back, with a confirmation and the operator key. */

import { post } from "../data/api.js";
import { el } from "../dom.js";
import { notice } from "./notice.js";
import { ago } from "../words.js";

/**
 * @param {{id: string}} served what is served now
 * @param {{id: string, created_at: string}} to what to serve instead
 */
export function rollbackDialog(served, to) {
  const key = /** @type {HTMLInputElement} */ (el("input", { id: "operator-key", type: "password", autocomplete: "off", required: true, pattern: "[ -~]+", maxlength: 1000 }));
  const wrong = el("p.wrong", { role: "alert" });
  const go = /** @type {HTMLButtonElement} */ (el("button.button.primary", { type: "submit" }, "Roll back"));
  const dialog = /** @type {HTMLDialogElement} */ (el(
    "dialog",
    { "aria-labelledby": "rollback-heading" },
    el(
      "form",
      { method: "dialog", onsubmit: (event) => { event.preventDefault(); confirm(); } },
      el("h2", { id: "rollback-heading" }, "Serve an earlier generation?"),
      el("p", {}, "Every reader’s list changes within seconds. Events since then are kept."),
      el("dl.facts", {}, el("div", {}, el("dt", {}, "served now"), el("dd", {}, el("code", {}, served.id))),
        el("div", {}, el("dt", {}, "instead"), el("dd", {}, el("code", {}, to.id), ` made ${ago(to.created_at)}`))),
      el("label", { for: "operator-key" }, "Operator key"), key, wrong,
      el("div.dialog-acts", {}, el("button.button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go),
    ),
  ));
  const confirm = async () => {
    go.disabled = true;
    try {
      const answer = await post("api/operations/rollback", { to: to.id, expected: served.id }, { "X-Operator-Key": key.value });
      dialog.close();
      notice("rollback", `Serving ${answer.served}.`);
      dispatchEvent(new Event("hashchange"));
    } catch (error) {
      wrong.textContent = error.message;
      go.disabled = false;
      key.focus();
    }
  };
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  key.focus();
}
