/** Books on a shelf: cover, title, author, and a note. */

import { cover } from "./cover.js";
import { el } from "../dom.js";
import { records } from "../data/records.js";
import { people } from "../words.js";

/** @param {string} id */
export const bookLink = (id) => `#/book/${encodeURIComponent(id)}`;

/**
 * @typedef {{book_id: string, title: string, authors: string[]}} Book
 * @typedef {(book: any) => import("../dom.js").Child} Note
 */

/**
 * A shelf of books.
 * @param {Book[]} books
 * @param {{note?: Note, below?: Note, signal?: AbortSignal}} [options] `note` is a text below each book, `below` an element
 * @returns {Promise<HTMLElement>}
 */
export async function shelf(books, { note, below, signal } = {}) {
  const known = await records(books.map((book) => book.book_id), signal);
  return el("ul.shelf", {}, books.map((book) => tile(book, known.get(book.book_id), note, below)));
}

/**
 * @param {Book} book
 * @param {any} record
 * @param {Note} [note]
 * @param {Note} [below]
 */
function tile(book, record, note, below) {
  const said = note?.(book);
  return el(
    "li.tile",
    { "data-book": book.book_id },
    el(
      "a.tile-link",
      { href: bookLink(book.book_id) },
      el("div.standing", {}, cover(record ?? book)),
      el("span.tile-title", {}, book.title),
      el("span.tile-author", {}, people(book.authors)),
    ),
    said && el("p.tile-note", {}, said),
    below?.(book),
  );
}
