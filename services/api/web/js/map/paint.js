/**
 * Paints the map. Every book is a precomputed stamp, blended directly into the pixels over an opaque background. A
 * hundred thousand books take a few milliseconds, without a graphics card.
 */

import { SIDE } from "./data.js";

const STEPS = 3; // stamps per pixel of radius
const LARGEST = 26;
const PAD = 2 * (LARGEST + 2); // pixels around the canvas, so that no stamp has to be cut
const FULL = 256;
const DIMMED = 0.14;

/** @typedef {[number, number, number]} Colour 0 to 255 */

/** Discs with a soft edge, by radius: which pixels around the middle they cover, and how much, up to 256. */
const stamps = Array.from({ length: LARGEST * STEPS + 1 }, (_, step) => {
  const radius = Math.max(step / STEPS, 0.5);
  const half = Math.ceil(radius + 0.5);
  const [right, down, cover] = [[], [], []];
  for (let row = -half; row <= half; row += 1) {
    for (let column = -half; column <= half; column += 1) {
      const covered = Math.round(FULL * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(row, column))));
      if (covered) [right, down, cover].forEach((list, at) => list.push([column, row, covered][at]));
    }
  }
  return { half, right, down, cover: Uint16Array.from(cover) };
});

/** @param {Colour} colour as one little-endian pixel */
const packed = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** @param {Colour} colour @param {Colour} ground @param {number} share of the colour @returns {Colour} */
const mixed = (colour, ground, share) => /** @type {Colour} */ (colour.map((value, at) => Math.round(value * share + ground[at] * (1 - share))));

/** The pixels of one canvas, and stamps for its width. */
export class Painter {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    [this.width, this.height] = [width, height];
    this.picture = new ImageData(width + 2 * PAD, height + 2 * PAD);
    this.pixels = new Uint32Array(this.picture.data.buffer);
    const stride = width + 2 * PAD;
    this.offsets = stamps.map(({ right, down }) => Int32Array.from(right, (column, at) => column + down[at] * stride));
  }

  /**
   * @param {import("./data.js").BookMap} map
   * @param {import("./camera.js").Camera} camera
   * @param {number} ratio canvas pixels in a CSS pixel
   * @param {Colour[]} colours by tribe
   * @param {Colour} ground
   * @param {number | null} lit the tribe that stands out, if any
   */
  paint(map, camera, ratio, colours, ground, lit) {
    this.pixels.fill(packed(ground));
    const steps = stampByRating(map, camera, ratio);
    const bright = Uint32Array.from(colours, packed);
    const dim = Uint32Array.from(colours, (colour) => packed(mixed(colour, ground, DIMMED)));
    if (lit === null) this.pass(map, camera, steps, bright, () => true);
    else {
      this.pass(map, camera, steps, dim, (tribe) => tribe !== lit);
      this.pass(map, camera, steps, bright, (tribe) => tribe === lit);
    }
  }

  /** Paint the books of some tribes. */
  pass(map, camera, steps, colours, wanted) {
    const { width, height } = this;
    const [left, top] = camera.toCanvas(0, 0);
    const [right, bottom] = camera.toCanvas(SIDE, SIDE);
    const [perX, perY] = [(right - left) / SIDE, (bottom - top) / SIDE];
    const stride = width + 2 * PAD;
    for (let book = 0; book < map.n; book += 1) {
      const step = steps[map.ratings[book]];
      const { half } = stamps[step];
      const x = Math.round(left + perX * map.x[book]);
      const y = Math.round(top + perY * map.y[book]);
      if (x < -half || y < -half || x > width + half || y > height + half) continue;
      const tribe = map.tribes[book];
      if (wanted(tribe)) press(this.pixels, (y + PAD) * stride + x + PAD, this.offsets[step], stamps[step].cover, colours[tribe % colours.length]);
    }
  }

  /** @param {CanvasRenderingContext2D} context */
  show(context) {
    context.putImageData(this.picture, -PAD, -PAD);
  }
}

/** The radius of a book in canvas pixels, by its byte of ratings. @param {import("./data.js").BookMap} map @param {import("./camera.js").Camera} camera @param {number} ratio */
export function radii(map, camera, ratio) {
  const room = Math.sqrt((camera.spanX * camera.spanY) / Math.max(map.n, 1));
  const base = Math.max(0.7 * ratio, Math.min(room * 0.2, 5.6 * ratio)) * camera.zoom ** 0.45;
  return Float32Array.from({ length: 256 }, (_, ratings) => Math.min(LARGEST, base * (0.55 + 0.9 * (ratings / map.mostRatings) ** 2)));
}

/** @returns {Uint8Array} the stamp of each byte of ratings */
const stampByRating = (map, camera, ratio) => Uint8Array.from(radii(map, camera, ratio), (radius) => Math.round(radius * STEPS));

/** Blend one stamp into the pixels, two colour channels at a time. */
function press(pixels, middle, offsets, cover, colour) {
  const [redBlue, green] = [colour & 0xff00ff, colour & 0x00ff00];
  for (let at = 0; at < offsets.length; at += 1) {
    const pixel = middle + offsets[at];
    const over = cover[at];
    if (over === FULL) {
      pixels[pixel] = colour;
      continue;
    }
    const under = pixels[pixel];
    const rest = FULL - over;
    const mixedRedBlue = ((Math.imul(under & 0xff00ff, rest) + Math.imul(redBlue, over)) >>> 8) & 0xff00ff;
    const mixedGreen = ((Math.imul(under & 0x00ff00, rest) + Math.imul(green, over)) >>> 8) & 0x00ff00;
    pixels[pixel] = (mixedRedBlue | mixedGreen | 0xff000000) >>> 0;
  }
}
