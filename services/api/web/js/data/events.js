/** Sends what a reader did to the API; the next answer reflects it. */

import { ApiError, post } from "./api.js";
import { freshId } from "./chance.js";
import { me, remember } from "./memory.js";

/**
 * @param {string} user
 * @param {{book_id: string, title: string}} book
 * @param {"rating" | "dismiss"} kind
 * @param {number | null} [value] stars
 */
export async function report(user, book, kind, value = null) {
  const event = { event_id: freshId(), user_id: user, book_id: book.book_id, kind };
  const answer = await post("api/events", value === null ? event : { ...event, value });
  if (answer.rejected.length) throw new ApiError(422, { detail: answer.rejected[0].what });
  if (user === me().id) remember(book.book_id, { title: book.title, value, kind });
}
