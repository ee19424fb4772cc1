/** Converts between map positions and canvas pixels; zooms and moves. */

import { SIDE } from "./data.js";

const MARGIN = 26; // CSS pixels around all books
const MOST_STRETCHED = 1.7; // the two axes have no common unit
const NEAREST = 60;

/** The visible part of the map: its centre `x`, `y` in [0, 1], and its `zoom`. */
export class Camera {
  constructor() {
    this.reset();
  }

  reset() {
    [this.x, this.y, this.zoom] = [0.5, 0.5, 1];
  }

  /** Lay out for a canvas. @param {number} width @param {number} height @param {number} shape width over height of the plane @param {number} ratio device pixels */
  fit(width, height, shape, ratio) {
    const margin = MARGIN * ratio;
    [this.width, this.height] = [width, height];
    const wanted = (width - 2 * margin) / Math.max(1, height - 2 * margin);
    const stretched = Math.min(Math.max(wanted, shape / MOST_STRETCHED), shape * MOST_STRETCHED);
    this.spanY = Math.min(height - 2 * margin, (width - 2 * margin) / stretched);
    this.spanX = this.spanY * stretched;
  }

  /** The canvas pixel of a map position. @param {number} x @param {number} y */
  toCanvas(x, y) {
    return [
      this.width / 2 + (x / SIDE - this.x) * this.spanX * this.zoom,
      this.height / 2 - (y / SIDE - this.y) * this.spanY * this.zoom,
    ];
  }

  /** The map position below a canvas pixel. @param {number} px @param {number} py */
  toPlace(px, py) {
    return [
      SIDE * (this.x + (px - this.width / 2) / (this.spanX * this.zoom)),
      SIDE * (this.y - (py - this.height / 2) / (this.spanY * this.zoom)),
    ];
  }

  /** Zoom, keeping the position below a pixel fixed. @param {number} factor @param {number} px @param {number} py */
  zoomAt(factor, px, py) {
    const [x, y] = this.toPlace(px, py);
    this.zoom = Math.min(NEAREST, Math.max(1, this.zoom * factor));
    const [nowX, nowY] = this.toPlace(px, py);
    this.move((x - nowX) / SIDE, (y - nowY) / SIDE);
  }

  /** @param {number} dx @param {number} dy shares of the plane */
  move(dx, dy) {
    const clamp = (value) => Math.min(1, Math.max(0, value));
    [this.x, this.y] = this.zoom === 1 ? [0.5, 0.5] : [clamp(this.x + dx), clamp(this.y + dy)];
  }
}
