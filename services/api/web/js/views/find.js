/** Find: a search box, its result or suggestions, and shelves of popular books. */

import { ApiError, get } from "../data/api.js";
import { cover } from "../parts/cover.js";
import { el } from "../dom.js";
import { failure } from "../parts/notice.js";
import { records } from "../data/records.js";
import { bookLink, shelf } from "../parts/shelf.js";
import { suggestBox } from "../parts/suggest.js";
import { people, ratingOf } from "../words.js";

const SHELVES = 3;
const ON_A_SHELF = 7;

/** @param {string} text */
const findLink = (text) => `#/find?q=${encodeURIComponent(text)}`;

/** @param {import("../app.js").Visit} visit @returns {Promise<HTMLElement>} */
export async function find({ query, facts, signal }) {
  const asked = query.get("q") ?? "";
  const box = suggestBox({
    label: "Title or author",
    button: "Search",
    value: asked,
    placeholder: "The Hobbit, Le Guin, prid and prejudise …",
    onSearch: (text) => { location.hash = findLink(text); },
    onChoose: (book) => { location.hash = bookLink(book.book_id); },
  });
  const hero = el(
    asked ? "section.hero.hero-small" : "section.hero",
    {},
    el("h1", { tabindex: "-1" }, asked ? "Find a book" : "What will you read tonight?"),
    !asked && el("p.lead", {}, "Name a book you love. Nightshelf finds similar books and explains why."),
    box,
  );
  const body = asked ? await result(asked, facts, signal) : await shelves(facts, signal);
  return el("div.view.view-find", {}, hero, body);
}

/** @param {string} asked @param {any} facts @param {AbortSignal} signal */
async function result(asked, facts, signal) {
  let answer;
  try {
    answer = await get(`books/${encodeURIComponent(asked)}/similar?limit=${ON_A_SHELF}`, signal);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 422)) return didYouMean(asked, error);
    throw error;
  }
  const [book] = (await records([answer.book.book_id], signal)).values();
  return el(
    "div",
    { "data-found": book.book_id },
    el(
      "section.found",
      { "aria-label": "Found" },
      el("a.found-cover", { href: bookLink(book.book_id), tabindex: "-1", "aria-hidden": "true" }, cover(book)),
      el(
        "div",
        {},
        el("h2", {}, el("a", { href: bookLink(book.book_id) }, book.title)),
        el("p.byline", {}, people(book.authors)),
        el("p.rating", {}, ratingOf(book, facts.simulated_readers)),
        book.description && el("p.blurb", {}, book.description),
        others(answer.alternatives),
      ),
    ),
    el("section", {}, el("h2", {}, "Similar books"), await shelf(answer.items, { signal })),
  );
}

/** Other books with the same title. @param {any[]} books */
function others(books) {
  if (!books.length) return null;
  const links = books.slice(0, 4).map((book) => el("li", {}, el("a", { href: bookLink(book.book_id) }, `${book.title} by ${people(book.authors)}`)));
  return el("div.others", {}, el("p.quiet", {}, "Or did you mean"), el("ul", {}, links));
}

/** Up to seven buttons that fill the box and search again. @param {string} asked @param {ApiError} error */
function didYouMean(asked, error) {
  const suggestions = error.problem.suggestions ?? [];
  if (!suggestions.length) {
    return el("section.empty", { "data-found": "nothing" }, el("h2", {}, `No book is called “${asked}”`),
      el("p", {}, error.status === 404 ? "No title comes close. Try an author, or fewer words." : error.message));
  }
  const buttons = suggestions.slice(0, 7).map((book) =>
    el("li", {}, el("button.suggestion", { type: "button", onclick: () => again(book.title) },
      el("span", {}, book.title), el("small", {}, people(book.authors)))));
  return el("section.meant", { "data-found": "suggestions" }, el("h2", {}, "Did you mean"),
    el("p.quiet", {}, `No book is called “${asked}”.`), el("ul", {}, buttons));
}

/** @param {string} title */
function again(title) {
  const input = document.querySelector(".view-find input");
  if (input instanceof HTMLInputElement) input.value = title;
  location.hash = findLink(title);
}

/** Popular books, overall and in the largest tribes. @param {any} facts @param {AbortSignal} signal */
async function shelves(facts, signal) {
  const [popular, { tribes }] = await Promise.all([get("api/popular?limit=14", signal), get("api/tribes", signal)]);
  const largest = tribes.toSorted((one, other) => other.n_books - one.n_books).slice(0, SHELVES);
  const rows = await Promise.all(largest.map(async (tribe) => {
    try {
      return [tribe, (await get(`api/popular?tribe=${tribe.tribe}&limit=${ON_A_SHELF}`, signal)).items];
    } catch (error) {
      if (error instanceof ApiError) return [tribe, []];
      throw error;
    }
  }));
  if (!popular.items.length) return failure(new Error("No book has ratings yet. You can still search."));
  const note = (book) => ratingOf(book, facts.simulated_readers);
  return el(
    "div",
    {},
    el("section", {}, el("h2", {}, "Popular books"), await shelf(popular.items, { note, signal })),
    ...(await Promise.all(rows.filter(([, items]) => items.length).map(async ([tribe, items]) =>
      el("section", {}, el("h2.tribe-heading", {}, el("a", { href: `#/tribes/${tribe.tribe}` }, tribe.name)), await shelf(items, { signal }))))),
  );
}
