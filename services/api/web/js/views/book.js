/** Book: its record, similar books, and what its readers read next, each with a reason. */

import { get } from "../data/api.js";
import { cover } from "../parts/cover.js";
import { el } from "../dom.js";
import { report } from "../data/events.js";
import { notice } from "../parts/notice.js";
import { me } from "../data/memory.js";
import { stars } from "../parts/rating.js";
import { shelf } from "../parts/shelf.js";
import { counted, people, ratingOf, whyAlike } from "../words.js";

const NEIGHBOURS = 7;

/** @param {import("../app.js").Visit} visit @returns {Promise<HTMLElement>} */
export async function book({ path, facts, signal }) {
  const id = encodeURIComponent(path[0] ?? "");
  const [record, near] = await Promise.all([
    get(`api/books/${id}`, signal),
    get(`api/neighbours/${id}?limit=${NEIGHBOURS}`, signal),
  ]);
  const about = near.by_content.length
    ? await shelf(near.by_content, { note: whyAlike, signal })
    : el("p.quiet", {}, "No similar books found.");
  const liked = near.by_readers.length
    ? await shelf(near.by_readers, { note: (other) => whyRead(other, near.by_readers), signal })
    : el("p.quiet", {}, "Not enough ratings yet.");
  return el(
    "article.view.view-book",
    { "data-book": record.book_id },
    header(record, facts),
    el("section", { "data-list": "content" }, el("h2", {}, "Similar books"),
      el("p.section-note", {}, "Books with the most similar descriptions."), about),
    el("section", { "data-list": "readers" }, el("h2", {}, "What its readers read next"),
      el("p.section-note", {}, "Books that readers of this book liked afterwards.",
        near.simulated_readers && [" ", el("span.tag", {}, "simulated readers")]), liked),
  );
}

/** @param {any} record @param {any} facts */
function header(record, facts) {
  const series = record.series && [record.series, record.series_position].filter(Boolean).join(" "); // position 0 is a prequel
  const facts_ = [record.year && (record.year < 0 ? `${-record.year} BC` : String(record.year)), series].filter(Boolean);
  return el(
    "header.book-head",
    {},
    el("div.book-cover", {}, cover(record, "cover-large")),
    el(
      "div.book-words",
      {},
      el("h1", { tabindex: "-1" }, record.title),
      el("p.byline", {}, people(record.authors)),
      facts_.length > 0 && el("p.quiet", {}, facts_.join(" · ")),
      el("p.rating", {}, ratingOf(record, facts.simulated_readers)),
      record.description ? el("p.blurb", {}, record.description) : el("p.quiet", {}, "No description."),
      el("ul.chips", { "aria-label": "Genres and tribe" },
        record.genres.map((genre) => el("li.chip", {}, genre)),
        record.tribe && el("li", {}, el("a.chip.chip-link", { href: `#/tribes/${record.tribe.tribe}` }, `Tribe: ${record.tribe.name}`))),
      el("div.book-rate", {}, el("p", { id: "rate-label" }, "Have you read it? Rate it to improve your list."),
        stars(record, { value: me().ratings[record.book_id]?.value ?? 0, onRate: (value) => rate(record, value) })),
    ),
  );
}

/** @param {any} record @param {number} value */
async function rate(record, value) {
  try {
    await report(me().id, record, "rating", value);
    notice("rated", `${counted(value, "star")} for ${record.title}. Your list is updated.`);
  } catch (error) {
    notice("rated", `Your rating was not saved: ${error.message}`, "alert");
    throw error;
  }
}

/** @param {any} other @param {any[]} all */
function whyRead(other, all) {
  const place = all.indexOf(other);
  if (place === 0) return "Its readers’ top choice";
  return `${Math.max(1, Math.round(100 * other.closeness))} % of the top choice’s score`;
}
