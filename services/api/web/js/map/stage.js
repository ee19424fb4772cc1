/** The map on its canvas, controlled by mouse, touch or keyboard. */

import { get } from "../data/api.js";
import { announce, el } from "../dom.js";
import { Camera } from "./camera.js";
import { Painter, radii } from "./paint.js";
import { bookLink } from "../parts/shelf.js";
import { counted, people } from "../words.js";

const REACH = 16; // CSS pixels
const KEY_ZOOM = 1.5;
const CLICK_SLACK = 5;
const LABELS = 12;

/**
 * @param {import("./data.js").BookMap} map
 * @param {Map<number, string>} names of tribes
 * @param {[number, number, number][]} colours of tribes
 * @param {AbortSignal} signal
 */
export function mapStage(map, names, colours, signal) {
  const canvas = /** @type {HTMLCanvasElement} */ (el("canvas.map", {
    tabindex: "0", role: "application", "aria-roledescription": "map", "aria-describedby": "map-help",
    "aria-label": `Map of ${counted(map.n, "book")}`,
  }));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const card = el("div.map-card", { hidden: true });
  const ring = el("div.map-ring", { hidden: true });
  const camera = new Camera();
  const middles = map.middles();
  const titles = new Map();
  let ratio = 1;
  /** @type {Painter | null} */
  let painter = null;
  let [lit, pointed, due] = [/** @type {number | null} */ (null), -1, false];

  const redraw = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      draw();
    });
  };

  const draw = () => {
    if (!painter) return; // not laid out yet
    const style = getComputedStyle(canvas);
    painter.paint(map, camera, ratio, colours, rgb(style.backgroundColor), lit);
    painter.show(context);
    label(style);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
  };

  /** Draw the tribes' names, the largest tribe first, without overlaps. @param {CSSStyleDeclaration} style */
  const label = (style) => {
    const taken = [];
    const wanted = lit === null ? [...middles].sort((one, other) => other[1].n - one[1].n) : [...middles].filter(([tribe]) => tribe === lit);
    context.font = `italic ${13 * ratio}px ${style.fontFamily}`;
    context.textAlign = "center";
    context.lineWidth = 4 * ratio;
    context.lineJoin = "round";
    context.strokeStyle = style.backgroundColor;
    context.fillStyle = style.color;
    for (const [tribe, middle] of wanted) {
      const text = (names.get(tribe) ?? "").split(" · ").slice(0, 2).join(" · ");
      const [x, y] = camera.toCanvas(middle.x, middle.y);
      const half = context.measureText(text).width / 2 + 8 * ratio;
      const box = [x - half, y - 15 * ratio, x + half, y + 9 * ratio];
      const hidden = box[0] < 0 || box[1] < 0 || box[2] > canvas.width || box[3] > canvas.height;
      if (hidden || taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
      if (taken.length >= LABELS) break;
    }
  };

  const titleOf = async (book) => {
    if (!titles.has(book)) titles.set(book, get(`api/map/${map.numbers[book]}`).catch(() => titles.delete(book) && null));
    return titles.get(book);
  };

  /** Highlight a book and show its title. @param {number} book -1 for none @param {boolean} [spoken] */
  const point = async (book, spoken = false) => {
    if (book === pointed) return;
    pointed = book;
    place();
    canvas.classList.toggle("on-book", book >= 0);
    if (book < 0) {
      card.hidden = true;
      return;
    }
    const found = await titleOf(book);
    if (book !== pointed || !found) return;
    const text = names.get(map.tribes[book]) ?? "no tribe";
    card.replaceChildren(el("strong", {}, found.title), el("span", {}, people(found.authors)), el("small", {}, text));
    card.dataset.book = found.book_id;
    card.hidden = false;
    place();
    if (spoken) announce(`${found.title} by ${people(found.authors)}, ${text}`);
  };

  const place = () => {
    ring.hidden = pointed < 0;
    if (pointed < 0) return;
    const radius = radii(map, camera, ratio)[map.ratings[pointed]] / ratio + 4;
    const [x, y] = camera.toCanvas(map.x[pointed], map.y[pointed]).map((pixel) => pixel / ratio);
    ring.style.setProperty("width", `${2 * radius}px`);
    ring.style.setProperty("transform", `translate(${x - radius}px, ${y - radius}px)`);
    const [width, height] = [card.offsetWidth, card.offsetHeight];
    card.style.setProperty("left", `${Math.max(6, Math.min(x - width / 2, canvas.clientWidth - width - 6))}px`);
    card.style.setProperty("top", `${y - height - 18 < 0 ? y + 18 : y - height - 18}px`);
  };

  const open = async (book) => {
    const found = book >= 0 ? await titleOf(book) : null;
    if (found && !signal.aborted) location.hash = bookLink(found.book_id);
  };

  const below = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  };

  const bookAt = ([px, py]) => {
    const [x, y] = camera.toPlace(px, py);
    const reach = (span) => (REACH * ratio * 65535) / (span * camera.zoom);
    return map.nearest(x, y, reach(camera.spanX), reach(camera.spanY), (book) => lit === null || map.tribes[book] === lit);
  };

  const changed = () => {
    redraw();
    place();
  };
  const zoom = (factor, at = [canvas.width / 2, canvas.height / 2]) => {
    camera.zoomAt(factor, at[0], at[1]);
    changed();
  };

  listen(canvas, { below, bookAt, point, open, zoom, move: (dx, dy) => { camera.move(-dx / (camera.spanX * camera.zoom), dy / (camera.spanY * camera.zoom)); changed(); } });
  canvas.addEventListener("keydown", (event) => {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const act = { "+": () => zoom(KEY_ZOOM), "=": () => zoom(KEY_ZOOM), "-": () => zoom(1 / KEY_ZOOM), 0: () => { camera.reset(); changed(); }, Enter: () => open(pointed), Escape: () => point(-1) }[event.key];
    if (!arrow && !act) return;
    event.preventDefault();
    if (act) return void act();
    const from = pointed >= 0 ? map.next(pointed, arrow[0], arrow[1]) : bookNearMiddle();
    reveal(from);
    point(from, true);
  });

  const bookNearMiddle = () => {
    const [x, y] = camera.toPlace(canvas.width / 2, canvas.height / 2);
    return map.nearest(x, y, 70000, 70000);
  };

  /** Move the map so that a book is visible. @param {number} book */
  const reveal = (book) => {
    const [x, y] = camera.toCanvas(map.x[book], map.y[book]);
    const edge = 30 * ratio;
    if (x < edge || y < edge || x > canvas.width - edge || y > canvas.height - edge) {
      camera.move(map.x[book] / 65535 - camera.x, map.y[book] / 65535 - camera.y);
      changed();
    }
  };

  const resize = new ResizeObserver(() => {
    ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [Math.max(1, Math.round(canvas.clientWidth * ratio)), Math.max(1, Math.round(canvas.clientHeight * ratio))];
    [canvas.width, canvas.height] = [width, height];
    painter = new Painter(width, height);
    camera.fit(width, height, map.shape, ratio);
    draw();
    place();
  });
  resize.observe(canvas);
  signal.addEventListener("abort", () => resize.disconnect());

  const buttons = el("div.map-buttons", { role: "group", "aria-label": "Zoom" },
    el("button", { type: "button", "aria-label": "Zoom in", onclick: () => zoom(KEY_ZOOM) }, "+"),
    el("button", { type: "button", "aria-label": "Zoom out", onclick: () => zoom(1 / KEY_ZOOM) }, "−"));
  const help = el("p.map-help", { id: "map-help" }, "Drag to move, scroll or pinch to zoom, click a book to open it. Keyboard: arrow keys move from book to book, plus and minus zoom, Enter opens a book.");
  return {
    element: el("figure.map-stage", {}, el("div.map-frame", {}, canvas, ring, card, buttons), el("figcaption", {}, help)),
    /** Highlight one tribe. @param {number | null} tribe */
    light(tribe) {
      lit = tribe;
      redraw();
    },
    /** @param {[number, number, number][]} others */
    recolour(others) {
      colours = others;
      redraw();
    },
  };
}

/** Mouse, touch and wheel. @param {HTMLCanvasElement} canvas @param {any} acts */
function listen(canvas, { below, bookAt, point, open, zoom, move }) {
  /** @type {Map<number, number[]>} */
  const down = new Map();
  let travelled = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, below(event));
    travelled = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = below(event);
    const before = down.get(event.pointerId);
    if (!before) return void point(bookAt(now));
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      zoom(apart(now) / apart(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    } else move(now[0] - before[0], now[1] - before[1]);
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    down.set(event.pointerId, now);
  });
  canvas.addEventListener("pointerup", (event) => {
    const clicked = down.size === 1 && travelled < CLICK_SLACK;
    down.delete(event.pointerId);
    if (clicked) open(bookAt(below(event)));
  });
  canvas.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => point(-1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.0016), below(event));
  }, { passive: false });
}

/** @param {string} colour as the browser computes it @returns {[number, number, number]} */
function rgb(colour) {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? ["0", "0", "0"]).map(Number);
  return [red, green, blue];
}
