/** Reader: pick a demo reader or become a new one; rate, dismiss, move the slider, and see the list change. */

import { get } from "../data/api.js";
import { cover } from "../parts/cover.js";
import { announce, debounced, el } from "../dom.js";
import { report } from "../data/events.js";
import { me, startOver } from "../data/memory.js";
import { failure, notice, withdraw } from "../parts/notice.js";
import { stars } from "../parts/rating.js";
import { RecommendationList } from "../parts/recommendations.js";
import { records } from "../data/records.js";
import { bookLink, shelf } from "../parts/shelf.js";
import { suggestBox } from "../parts/suggest.js";
import { weightSlider } from "../parts/weight_slider.js";
import { basedOn, counted, listed, people, readerName } from "../words.js";

const LISTED = 10;
const TO_RATE = 6;
const READERS = 8;
const SLIDE_MILLISECONDS = 40;
const MOST_READERS = 24;
const POPULAR = "Popular books from all tribes, because this reader has no ratings yet";

/** @param {import("../app.js").Visit} visit @returns {Promise<HTMLElement>} */
export async function reader(visit) {
  return visit.path[0] ? oneReader(visit.path[0], visit) : choice(visit);
}

/** The choice of a reader. @param {import("../app.js").Visit} visit */
async function choice({ facts, signal }) {
  let readers = [];
  try {
    ({ readers } = await get(`api/readers?limit=${READERS}`, signal));
  } catch (error) {
    if (signal.aborted) throw error;
    document.dispatchEvent(new Event("nightshelf:look"));
  }
  const known = await records(readers.flatMap((one) => one.recent.map((book) => book.book_id)), signal);
  const rated = Object.keys(me().ratings).length;
  return el(
    "div.view.view-readers",
    {},
    el("section.hero.hero-small", {}, el("h1", { tabindex: "-1" }, "Choose a reader"),
      el("p.lead", {}, "Start with an empty list and rate a few books, or look at a demo reader.")),
    el("section.you", {},
      el("div", {}, el("h2", {}, rated ? "Your shelf" : "A new reader"),
        el("p", {}, rated ? `You have rated or dismissed ${counted(rated, "book")}. This browser remembers them.` : "Rate two or three books. Your list changes with every rating.")),
      el("div.you-acts", {},
        el("a.button.primary", { href: `#/reader/${encodeURIComponent(me().id)}` }, rated ? "Continue" : "Start as a new reader"),
        rated > 0 && el("button.quiet-button", { type: "button", onclick: () => { startOver(); location.hash = `#/reader/${me().id}`; } }, "Start over"))),
    readers.length > 0 && el("section", {},
      el("h2", {}, "Demo readers ", el("span.tag", {}, "simulated")),
      el("ul.readers", {}, readers.map((one) => readerCard(one, known)))),
    !facts.simulated_readers && el("p.quiet", {}, "The readers of this catalogue are real people, so they are not listed here."),
  );
}

/** @param {any} one @param {Map<string, any>} known */
function readerCard(one, known) {
  return el("li", {}, el("a.reader-card", { href: `#/reader/${encodeURIComponent(one.user_id)}`, "data-reader": one.user_id },
    el("div.fan", { "aria-hidden": "true" }, one.recent.slice(0, 4).map((book) => cover(known.get(book.book_id) ?? book))),
    el("span.reader-name", {}, readerName(one.user_id)),
    el("span.reader-taste", {}, `recently liked ${listed(one.recent.slice(0, 2).map((book) => book.title))}`)));
}

/** One reader's list and the controls that change it. @param {string} id @param {import("../app.js").Visit} visit */
async function oneReader(id, { facts, signal }) {
  const isMe = id === me().id;
  const demo = isMe ? undefined : await listedReader(id, signal);
  let weight = null;
  let asked = 0;
  const strategy = el("p.strategy", {});
  const list = new RecommendationList({
    onRate: (book, value) => act(book, "rating", value),
    onDismiss: (book) => act(book, "dismiss").catch(() => {}),
  });
  const panel = el("div.own", {});

  /** Fetch the list and show what changed. @param {string} [why] */
  const refresh = async (why) => {
    asked += 1;
    const mine = asked;
    const shift = weight === null ? "" : `&content_share=${weight}`;
    const answer = await get(`api/recommendations/user/${encodeURIComponent(id)}?limit=${LISTED}${shift}`, signal);
    if (mine !== asked) return;
    if (answer.degraded) document.dispatchEvent(new Event("nightshelf:look"));
    strategy.textContent = answer.degraded ? "Popular books, because Redis is unavailable" : answer.strategy === "popular" ? POPULAR : basedOn(answer.items);
    list.element.dataset.strategy = answer.strategy;
    const { entered, moved } = await list.show(answer.items, signal);
    list.element.dataset.shown = String(mine);
    if (why) announce(`${why} ${entered} new, ${moved} moved. First is ${answer.items[0]?.title ?? "nothing"}.`);
  };

  /** @param {any} book @param {"rating" | "dismiss"} kind @param {number} [value] */
  const act = async (book, kind, value) => {
    try {
      await report(id, book, kind, value);
    } catch (error) {
      notice("event", `Not saved: ${error.message}`, "alert");
      document.dispatchEvent(new Event("nightshelf:look"));
      throw error;
    }
    withdraw("event");
    await Promise.all([refresh(kind === "rating" ? `${counted(value ?? 0, "star")} for ${book.title}.` : `${book.title} removed.`), own()]);
  };

  /** This reader's ratings, and more books to rate. */
  const own = async () => panel.replaceChildren(...(isMe ? await yours(act, facts, signal) : await theirs(demo, signal)));

  const slide = debounced(() => refresh("Weights changed.").catch((error) => { if (!signal.aborted) notice("event", error.message, "alert"); }), SLIDE_MILLISECONDS);
  await Promise.all([refresh(), own()]);
  return el(
    "div.view.view-reader",
    { "data-reader": id },
    el("header.reader-head", {}, el("p.crumb", {}, el("a", { href: "#/reader" }, "All readers")),
      el("h1", { tabindex: "-1" }, isMe ? "Your shelf" : `${readerName(id)}’s shelf`, demo && [" ", el("span.tag", {}, "simulated reader")])),
    el("div.reader-columns", {},
      el("div.reader-side", {}, weightSlider(facts.content_weight, (share) => { weight = share; slide(); }), panel),
      el("section.reader-list", { "aria-labelledby": "list-heading" }, el("h2", { id: "list-heading" }, "Recommendations"), strategy, list.element)),
  );
}

/** Your own ratings, and books to rate. @param {(book: any, kind: "rating", value: number) => Promise<void>} act @param {any} facts @param {AbortSignal} signal */
async function yours(act, facts, signal) {
  const { ratings } = me();
  const given = Object.entries(ratings).filter(([, one]) => one.kind === "rating").reverse();
  const popular = (await get("api/popular?limit=30", signal)).items.filter((book) => !(book.book_id in ratings)).slice(0, TO_RATE);
  const rows = given.map(([id, one]) => el("li", { "data-book": id }, el("a", { href: bookLink(id) }, one.title),
    stars({ title: one.title }, { value: one.value ?? 0, onRate: (value) => act({ book_id: id, title: one.title }, "rating", value) })));
  return [
    given.length > 0 && el("section.given", {}, el("h2", {}, "Your ratings"), el("ul", {}, rows)),
    el("section.to-rate", {}, el("h2", {}, given.length ? "Rate more books" : "Rate books you know"), picker(act),
      await shelf(popular, { signal, below: (book) => stars(book, { onRate: (value) => act(book, "rating", value) }) })),
  ].filter(Boolean);
}

/** A search for a book to rate. @param {(book: any, kind: "rating", value: number) => Promise<void>} act */
function picker(act) {
  const picked = el("div.picked", {});
  const show = (book) => picked.replaceChildren(el("p", {}, el("strong", {}, book.title), ` by ${people(book.authors)}`),
    stars(book, { onRate: (value) => act(book, "rating", value) }));
  const look = async (text) => {
    const { items } = await get(`api/books/search?q=${encodeURIComponent(text)}&limit=1`);
    if (items.length) show(items[0]);
    else picked.replaceChildren(el("p.quiet", {}, `No book matches “${text}”.`));
  };
  const box = suggestBox({ label: "Another book", button: "Pick", onChoose: show, onSearch: (text) => look(text).catch((error) => picked.replaceChildren(failure(error))) });
  return el("div", {}, box, picked);
}

/** A demo reader, if the server lists this id as one: any other may be a visitor, or nobody. @param {string} id @param {AbortSignal} signal */
async function listedReader(id, signal) {
  try {
    const { readers } = await get(`api/readers?limit=${MOST_READERS}`, signal);
    return readers.find((one) => one.user_id === id);
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

/** What a demo reader liked recently. @param {any} demo @param {AbortSignal} signal */
async function theirs(demo, signal) {
  if (!demo?.recent.length) return [];
  return [el("section", {}, el("h2", {}, "Recently liked ", el("span.tag", {}, "simulated")), await shelf(demo.recent, { signal }))];
}
