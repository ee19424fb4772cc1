/** A search box that suggests books as you type (the ARIA combobox pattern). */

import { get } from "../data/api.js";
import { debounced, el } from "../dom.js";
import { people } from "../words.js";

const PAUSE_MILLISECONDS = 110;
const MOST = 7;
let made = 0;

/**
 * @param {object} options
 * @param {string} options.label
 * @param {string} options.button the button's label
 * @param {string} [options.value]
 * @param {(text: string) => void} options.onSearch the user searches for the text
 * @param {(book: any) => void} options.onChoose the user picks a suggestion
 * @param {string} [options.placeholder]
 * @returns {HTMLFormElement}
 */
export function suggestBox({ label, button, value = "", onSearch, onChoose, placeholder = "" }) {
  made += 1;
  const [inputId, listId] = [`search-${made}`, `suggestions-${made}`];
  const list = el("ul.suggestions", { id: listId, role: "listbox", "aria-label": "Suggestions", hidden: true });
  const input = /** @type {HTMLInputElement} */ (el("input", {
    id: inputId, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", maxlength: 200,
    "aria-expanded": "false", "aria-controls": listId, "aria-autocomplete": "list", placeholder, enterkeyhint: "search",
  }));
  input.value = value;
  let books = [];
  let active = -1;
  let asking = new AbortController();

  const close = () => {
    asking.abort();
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const activate = (place) => {
    active = place;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === place)));
    if (place < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[place].id);
      list.children[place].scrollIntoView({ block: "nearest" });
    }
  };
  const choose = (place) => {
    const book = books[place];
    close();
    onChoose(book);
  };
  const show = (found) => {
    books = found;
    list.replaceChildren(...found.map((book, place) =>
      el("li", { id: `${listId}-${place}`, role: "option", "aria-selected": "false",
        onpointerdown: (event) => event.preventDefault(), onclick: () => choose(place) },
      el("span.suggestion-title", {}, book.title), el("span.suggestion-author", {}, people(book.authors)))));
    active = -1;
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    input.removeAttribute("aria-activedescendant");
  };
  const ask = debounced(async () => {
    const text = input.value.trim();
    if (!text || document.activeElement !== input) return close();
    asking.abort();
    asking = new AbortController();
    try {
      show((await get(`api/books/search?q=${encodeURIComponent(text)}&limit=${MOST}`, asking.signal)).items);
    } catch {
      /* Suggestions are optional; the search itself reports errors. */
    }
  }, PAUSE_MILLISECONDS);

  input.addEventListener("input", ask);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !list.hidden) {
      event.preventDefault();
      activate(((active + 1 + step + books.length + 1) % (books.length + 1)) - 1);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      choose(active);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  return /** @type {HTMLFormElement} */ (el(
    "form.search",
    { role: "search", onsubmit: (event) => { event.preventDefault(); close(); if (input.value.trim()) onSearch(input.value.trim()); } },
    el("label", { for: inputId }, label),
    el("div.search-row", {}, el("div.search-field", {}, input, list), el("button.primary", { type: "submit" }, button)),
  ));
}
