/** Drawings for covers. Each fills 200 x 300 and takes its colours from the cover. */

import { svg } from "../dom.js";

/** @typedef {() => number} Random */

/** @type {Record<string, (random: Random, title: string) => SVGElement[]>} */
const DRAWN = {
  moon: (random) => {
    const [x, y, r] = [120 + random() * 50, 60 + random() * 30, 34 + random() * 26];
    const rings = Array.from({ length: 4 }, (_, ring) =>
      svg("circle", { cx: x, cy: y, r: r + 14 + ring * 15, class: "line", opacity: 0.5 - ring * 0.11 }));
    return [...rings, svg("circle", { cx: x, cy: y, r, class: "accent" })];
  },
  rules: () => [
    svg("rect", { x: 13, y: 13, width: 174, height: 274, class: "line" }),
    svg("rect", { x: 18, y: 18, width: 164, height: 264, class: "line thick" }),
    svg("path", { d: "M100 226l7 10-7 10-7-10z", class: "accent" }),
    svg("path", { d: "M48 236h36M116 236h36", class: "line" }),
  ],
  waves: (random) => {
    const [length, phase] = [46 + random() * 44, random() * 60];
    return Array.from({ length: 9 }, (_, row) => {
      const y = 178 + row * 13;
      const height = 4 + row * 1.1;
      let path = `M${-phase} ${y}`;
      for (let x = -phase; x < 260; x += length) path += `q${length / 4} ${-height} ${length / 2} 0t${length / 2} 0`;
      return svg("path", { d: path, class: row === 2 ? "line accented thick" : "line", opacity: 0.35 + row * 0.06 });
    });
  },
  rays: (random) => {
    const [x, y] = [40 + random() * 120, 300];
    const n = 18;
    const rays = Array.from({ length: n }, (_, ray) => {
      const [a, b] = [Math.PI * (1 + ray / n), Math.PI * (1 + (ray + 0.5) / n)];
      const at = (angle) => `${(x + 360 * Math.cos(angle)).toFixed(1)} ${(y + 360 * Math.sin(angle)).toFixed(1)}`;
      return svg("path", { d: `M${x} ${y}L${at(a)}L${at(b)}z`, class: "ink", opacity: 0.09 });
    });
    return [...rays, svg("circle", { cx: x, cy: y, r: 50, class: "accent" })];
  },
  tiles: (random) => {
    const drawn = [];
    for (let row = 0; row < 4; row += 1) {
      for (let column = 0; column < 5; column += 1) {
        const turn = Math.floor(random() * 4) * 90;
        const place = `translate(${column * 40} ${row * 40}) rotate(${turn} 20 20)`;
        const kind = random() < 0.3 ? "accent" : "ink";
        drawn.push(svg("path", { d: "M0 0h40a40 40 0 0 1-40 40z", class: kind, opacity: kind === "ink" ? 0.24 : 0.95, transform: place }));
      }
    }
    return drawn;
  },
  initial: (_random, title) => {
    const letter = [...title.replace(/^(?:the|a|an)\s+/iu, "")][0] ?? "";
    const properties = { x: 100, y: 178, "text-anchor": "middle", class: "initial accent" };
    return [svg("text", properties, letter.toUpperCase())];
  },
  bands: () => [
    svg("rect", { width: 200, height: 76, class: "accent" }),
    svg("rect", { y: 224, width: 200, height: 76, class: "accent" }),
    svg("path", { d: "M0 81h200M0 219h200", class: "line" }),
  ],
  stars: (random) => {
    const points = Array.from({ length: 13 }, (_, place) => [16 + ((place * 61) % 170) + random() * 12, 18 + random() * 140]);
    const chosen = points.slice(0, 6).sort((one, other) => one[0] - other[0]);
    const line = chosen.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    const dots = points.map(([x, y], place) =>
      svg("circle", { cx: x, cy: y, r: place < 6 ? 3.4 : 1.5, class: place < 6 ? "accent" : "ink" }));
    return [svg("path", { d: `M${line}`, class: "line", opacity: 0.55 }), ...dots];
  },
  hills: (random) => {
    const hills = Array.from({ length: 4 }, (_, row) => {
      const [y, rise, lean] = [206 + row * 25, 26 + random() * 26, 30 + random() * 80];
      const path = `M0 300V${y}C${lean} ${y - rise} ${lean + 40} ${y + rise * 0.6} 120 ${y - 6}S180 ${y - rise} 200 ${y - 8}V300z`;
      return svg("path", { d: path, class: row === 1 ? "accent" : "ink", opacity: row === 1 ? 0.9 : 0.16 + row * 0.05 });
    });
    return [svg("circle", { cx: 40 + random() * 120, cy: 182 + random() * 14, r: 22, class: "accent" }), ...hills];
  },
  spines: (random) => {
    const drawn = [];
    for (let x = 0; x < 200;) {
      const [width, height] = [7 + random() * 19, 74 + random() * 70];
      const lit = random() < 0.2;
      drawn.push(svg("rect", { x, y: 300 - height, width: width - 2, height, class: lit ? "accent" : "ink", opacity: lit ? 0.95 : 0.2 + random() * 0.2 }));
      x += width;
    }
    return drawn;
  },
};

export const ORNAMENTS = Object.keys(DRAWN);

/**
 * @param {string} name one of `ORNAMENTS`
 * @param {Random} random
 * @param {string} title
 * @returns {SVGElement}
 */
export function ornament(name, random, title) {
  const frame = { viewBox: "0 0 200 300", preserveAspectRatio: "xMidYMid slice", class: "cover-art", focusable: "false" };
  return svg("svg", frame, ...DRAWN[name](random, title));
}
