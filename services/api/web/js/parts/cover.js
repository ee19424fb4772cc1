/** Drawn covers: the same title always gets the same one. The palette depends on the tribe, the rest on the title. */

import { el } from "../dom.js";
import { ornament, ORNAMENTS } from "./ornaments.js";

/** Paper, ink and accent, each pair readable. */
const PALETTES = [
  ["#6e1f24", "#f5e8d2", "#d9a441"], ["#23408c", "#f4efe4", "#e8c86a"], ["#1f4a3a", "#efe7d2", "#d98e4a"],
  ["#d8a53a", "#231a12", "#7a2a1d"], ["#e9c9bd", "#3a1b24", "#9a3346"], ["#3b4a57", "#f4efe6", "#e0a458"],
  ["#efe5d0", "#2a2118", "#b0402e"], ["#0f4c56", "#f2ead8", "#e9b872"], ["#472a4e", "#f5e7df", "#e39a7b"],
  ["#a9b89a", "#1b261c", "#6b2f22"], ["#1c2438", "#f0e6d2", "#c9a24d"], ["#a3442a", "#fdf2e2", "#2c2233"],
  ["#b9cfd6", "#14303c", "#a8452e"], ["#54532a", "#f6efd9", "#e2b659"], ["#cfc4dc", "#2b2140", "#7b3f61"],
  ["#1d1916", "#efe6d6", "#c8553d"],
];
const SETTINGS = ["low", "middle", "high"];
const HEIGHTS = [100, 97, 94, 98, 92];

/**
 * A repeatable number in [0, 2^32) from a text.
 * @param {string} text
 */
function hashOf(text) {
  let hash = 2166136261;
  for (let place = 0; place < text.length; place += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(place), 16777619);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** @param {number} seed @returns {() => number} numbers in [0, 1), the same for the same seed */
function randomFrom(seed) {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

/** Font size that fits the longest word and the whole title. @param {string} title */
function sizeOf(title) {
  const longest = Math.max(...title.split(/[\s-]+/).map((word) => word.length));
  const room = Math.min(92 / Math.max(longest, 4), 46 / Math.sqrt(Math.max(title.length, 8)));
  return Math.max(5.6, Math.min(room * 1.32, 16));
}

/** A title without the part after a colon or in brackets, if that leaves enough. */
function shortTitle(title) {
  const short = title.replace(/\s*[:(].*$/u, "").trim();
  return short.length >= 3 ? short : title;
}

/** Whether covers may come from the catalogue's own addresses: a setting of the server. */
let pictures = false;

/** @param {boolean} allowed */
export function allowPictures(allowed) {
  pictures = allowed;
}

/**
 * The cover of a book. The text beside it says the same, so it is hidden from screen readers.
 * @param {{title: string, authors: string[], tribe?: {tribe: number} | null, image_url?: string | null}} book
 * @param {string} [kind] a class that sizes it
 * @returns {HTMLElement}
 */
export function cover(book, kind = "") {
  const hash = hashOf(`${book.title}|${book.authors[0] ?? ""}`);
  const family = book.tribe ? book.tribe.tribe : hash % 97;
  const [paper, ink, accent] = PALETTES[(family * 5 + (hash >>> 9) % 3) % PALETTES.length];
  const name = ORNAMENTS[hash % ORNAMENTS.length];
  const title = shortTitle(book.title);
  const colours = { "--paper": paper, "--ink": ink, "--accent": accent };
  const element = el(
    `div.cover.cover-${name}.set-${SETTINGS[(hash >>> 5) % 3]}`,
    { "aria-hidden": "true", style: { ...colours, "--height": `${HEIGHTS[(hash >>> 7) % HEIGHTS.length]}%` } },
    ornament(name, randomFrom(hash), title),
    el(
      "div.cover-words",
      {},
      el("span.cover-title", { style: { "font-size": `${sizeOf(title).toFixed(2)}cqi` } }, title),
      el("span.cover-author", {}, book.authors[0] ?? ""),
    ),
  );
  if (kind) element.classList.add(kind);
  if (pictures && book.image_url) element.append(picture(book.image_url));
  return element;
}

/** @param {string} address @returns {HTMLElement} a picture; the drawn cover stays if it fails to load */
function picture(address) {
  const image = el("img.cover-picture", { alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
  image.addEventListener("error", () => image.remove());
  if (/^https?:\/\//.test(address)) image.setAttribute("src", address);
  return image;
}
