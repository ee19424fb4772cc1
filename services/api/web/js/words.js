/** Numbers, people and reasons as text. */

import { SOURCES } from "./deprecated.js";

const COUNT = new Intl.NumberFormat("en");

/** @param {number} n */
export const count = (n) => COUNT.format(n);

/** @param {number} n @param {string} one @param {string} [several] */
export const counted = (n, one, several = `${one}s`) => `${count(n)} ${n === 1 ? one : several}`;

/** @param {string[]} authors */
export const people = (authors) => authors.join(", ") || "Author unknown";

/** @param {string[]} parts @returns {string} "a, b and c" */
export function listed(parts) {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** A list's name, also for lists this page does not know. @param {string} source */
export function sourceName(source) {
  const plain = source.replaceAll("_", " ");
  return SOURCES[source]?.name ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** @param {string} source */
const sourceReason = (source) => SOURCES[source]?.reason ?? `it is in the list “${source.replaceAll("_", " ")}”`;

/**
 * The lists that contain a recommended book, highest score first.
 * @param {Record<string, number | null> | null | undefined} sources
 * @returns {[string, number][]}
 */
export function carriers(sources) {
  const found = Object.entries(sources ?? {}).filter(([, score]) => typeof score === "number");
  return /** @type {[string, number][]} */ (found).sort((one, other) => other[1] - one[1]);
}

/**
 * Why a book is recommended, without the book that led to it.
 * @param {{sources?: Record<string, number | null> | null, because?: object | null}} item
 */
export function whyListed(item) {
  const reasons = carriers(item.sources).map(([source]) => sourceReason(source));
  if (!reasons.length) return "Popular with everyone";
  const sentence = listed(reasons);
  return item.because ? sentence : sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

/**
 * The lists that a reader's recommendations come from, the one with most of their books first.
 * @param {{sources?: Record<string, number | null> | null}[]} items
 */
export function basedOn(items) {
  /** @type {Map<string, number>} */
  const books = new Map();
  for (const [source] of items.flatMap((item) => carriers(item.sources))) books.set(source, (books.get(source) ?? 0) + 1);
  const names = [...books].sort((one, other) => other[1] - one[1]).map(([source]) => sourceName(source).toLowerCase());
  if (!names.length) return "";
  return `From the ${names.length === 1 ? "list" : "lists"} ${listed(names)}`;
}

/**
 * What two books have in common.
 * @param {{similarity: number, same_series: string | null, same_authors: string[], same_genres: string[], same_tribe: string | null}} book
 */
export function whyAlike(book) {
  const shared = [];
  if (book.same_series) shared.push(`the series ${book.same_series}`);
  else if (book.same_authors.length) shared.push(`the author ${book.same_authors[0]}`);
  if (book.same_genres.length) shared.push(...book.same_genres.slice(0, 2));
  if (!shared.length && book.same_tribe) shared.push(`the tribe “${book.same_tribe}”`);
  const alike = `Descriptions ${Math.round(100 * book.similarity)} % similar`;
  return shared.length ? `${alike}. In common: ${shared.join(", ")}` : alike;
}

/**
 * Average and number of ratings.
 * @param {{average_rating: number | null, n_ratings: number}} book
 * @param {boolean} simulated
 */
export function ratingOf(book, simulated) {
  if (book.average_rating === null) return "Not rated yet";
  const kind = simulated ? "simulated rating" : "rating";
  return `★ ${book.average_rating.toFixed(1)} from ${counted(book.n_ratings, kind)}`;
}

const UNITS = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]);

/** How long ago a moment was. @param {string} moment ISO 8601 */
export function ago(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS[3];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

/** @param {string} moment ISO 8601 */
export const moment = (moment) => new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));

/** A duration as text. @param {number | null} seconds */
export function duration(seconds) {
  if (seconds === null) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 90 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

/** A reader's id as a name. @param {string} id */
export function readerName(id) {
  const numbered = /^reader-0*(\d+)$/.exec(id);
  if (numbered) return `Reader ${numbered[1]}`;
  return id.startsWith("you-") ? "Visitor" : id;
}
