/** Who you are to the shelf, kept in this browser only: an id of your own making and the stars you gave. */

import { freshId } from "./chance.js";

const KEY = "nightshelf.me";

/**
 * @typedef {{title: string, value: number | null, kind: string}} Given
 * @typedef {{id: string, ratings: Record<string, Given>}} Me
 */

/** @type {Me | undefined} */
let remembered;

/** A new reader, unlike all others. @returns {Me} */
const someone = () => ({ id: `you-${freshId()}`, ratings: {} });

/** @returns {Me} you, as this browser knows you */
export function me() {
  if (!remembered) {
    try {
      remembered = JSON.parse(localStorage.getItem(KEY) ?? "null") ?? someone();
    } catch {
      remembered = someone();
    }
  }
  return /** @type {Me} */ (remembered);
}

/** Begin as somebody nobody has heard of. */
export function startAnew() {
  remembered = someone();
  keep();
}

/** @param {string} bookId @param {Given} given */
export function remember(bookId, given) {
  const { ratings } = me();
  delete ratings[bookId];
  ratings[bookId] = given;
  keep();
}

function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify(remembered));
  } catch {
    /* A browser that keeps nothing forgets you when the page is closed. */
  }
}
