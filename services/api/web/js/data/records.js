/** Records of books by id, fetched together and cached; covers are drawn from them. */

import { get } from "./api.js";

const AT_ONCE = 50;
/** @type {Map<string, object>} */
const remembered = new Map();

/**
 * The records of these books, without unknown ids.
 * @param {string[]} ids
 * @param {AbortSignal} [signal]
 * @returns {Promise<Map<string, any>>}
 */
export async function records(ids, signal) {
  const missing = [...new Set(ids)].filter((id) => !remembered.has(id));
  for (let start = 0; start < missing.length; start += AT_ONCE) {
    const query = missing.slice(start, start + AT_ONCE).map((id) => `ids=${encodeURIComponent(id)}`).join("&");
    for (const book of (await get(`api/books?${query}`, signal)).books) remembered.set(book.book_id, book);
  }
  return new Map(ids.filter((id) => remembered.has(id)).map((id) => [id, remembered.get(id)]));
}
