/** Tribes: the map of all books, and one tribe with its popular books. */

import { get, getBytes } from "../data/api.js";
import { el } from "../dom.js";
import { BookMap } from "../map/data.js";
import { mapStage } from "../map/stage.js";
import { shelf } from "../parts/shelf.js";
import { css, tribeColours } from "../map/tribe_colours.js";
import { count, counted, ratingOf } from "../words.js";

const POPULAR = 21;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @param {import("../app.js").Visit} visit @returns {Promise<HTMLElement>} */
export async function tribes(visit) {
  const { tribes: all } = await get("api/tribes", visit.signal);
  const named = all.find((tribe) => String(tribe.tribe) === visit.path[0]);
  return named ? oneTribe(named, all, visit) : atlas(all, visit);
}

/** @param {any[]} all @param {import("../app.js").Visit} visit */
async function atlas(all, { signal }) {
  const map = new BookMap(await getBytes("api/map", signal));
  const size = 1 + Math.max(0, ...all.map((tribe) => tribe.tribe));
  const stage = mapStage(map, new Map(all.map((tribe) => [tribe.tribe, tribe.name])), tribeColours(size, dark.matches), signal);
  const legend = el("ul.legend", { "aria-label": "Tribes" });
  const draw = () => {
    const colours = tribeColours(size, dark.matches);
    stage.recolour(colours);
    legend.replaceChildren(...all.map((tribe) => entry(tribe, colours, stage)));
  };
  draw();
  dark.addEventListener("change", draw, { signal });
  return el(
    "div.view.view-tribes",
    {},
    el("section.hero.hero-small", {}, el("h1", { tabindex: "-1" }, "Tribes"),
      el("p.lead", {}, `${counted(map.n, "book")} in ${counted(all.length, "tribe")}. Books with similar descriptions are close together.`)),
    el("div.atlas", {}, stage.element, el("section.legend-panel", { "aria-labelledby": "legend-heading" },
      el("h2", { id: "legend-heading" }, "Legend"), legend)),
  );
}

/** @param {any} tribe @param {[number, number, number][]} colours @param {{light: (tribe: number | null) => void}} stage */
function entry(tribe, colours, stage) {
  const lit = () => stage.light(tribe.tribe);
  const unlit = () => stage.light(null);
  return el("li", {}, el("a", { href: `#/tribes/${tribe.tribe}`, onpointerenter: lit, onpointerleave: unlit, onfocus: lit, onblur: unlit },
    el("span.swatch", { "aria-hidden": "true", style: { background: css(colours[tribe.tribe]) } }),
    el("span.legend-name", {}, tribe.name),
    el("span.legend-count", { "aria-label": counted(tribe.n_books, "book") }, count(tribe.n_books))));
}

/** @param {any} tribe @param {any[]} all @param {import("../app.js").Visit} visit */
async function oneTribe(tribe, all, { facts, signal }) {
  let items = [];
  try {
    ({ items } = await get(`api/popular?tribe=${tribe.tribe}&limit=${POPULAR}`, signal));
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  const at = all.indexOf(tribe);
  const [before, after] = [all[(at + all.length - 1) % all.length], all[(at + 1) % all.length]];
  return el(
    "div.view.view-tribe",
    { "data-tribe": tribe.tribe },
    el("header.tribe-head", {}, el("p.crumb", {}, el("a", { href: "#/tribes" }, "All tribes")), el("h1", { tabindex: "-1" }, tribe.name),
      el("p.lead", {}, `${counted(tribe.n_books, "book")}. Typical words: ${tribe.words.slice(0, 8).join(", ")}.`)),
    el("section", {}, el("h2", {}, "Popular here"),
      items.length ? await shelf(items, { note: (book) => ratingOf(book, facts.simulated_readers), signal }) : el("p.quiet", {}, "No ratings in this tribe yet.")),
    el("nav.beside", { "aria-label": "Other tribes" },
      el("a", { href: `#/tribes/${before.tribe}` }, `← ${before.name}`), el("a", { href: `#/tribes/${after.tribe}` }, `${after.name} →`)),
  );
}
