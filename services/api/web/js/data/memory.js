/** You as a reader, stored in this browser only: a random id and your ratings. */

import { freshId } from "./chance.js";

const KEY = "nightshelf.me";

/**
 * @typedef {{title: string, value: number | null, kind: string}} Given
 * @typedef {{id: string, ratings: Record<string, Given>}} Me
 */

/** @type {Me | undefined} */
let remembered;

/** A new reader. @returns {Me} */
const someone = () => ({ id: `you-${freshId()}`, ratings: {} });

/** @returns {Me} the reader of this browser */
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

/** Become a new reader. */
export function startOver() {
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
    /* Without storage the browser forgets you when the page closes. */
  }
}
