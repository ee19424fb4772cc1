/** A colour for every tribe: distant hues for neighbouring numbers, lighter in the dark scheme. */

const GOLDEN_ANGLE = 2.399963;

/** OKLCH to sRGB (Björn Ottosson, "A perceptual color space for image processing", 2020). @returns {[number, number, number]} */
function rgb(lightness, chroma, hue) {
  const [a, b] = [chroma * Math.cos(hue), chroma * Math.sin(hue)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return /** @type {[number, number, number]} */ (linear.map((value) => {
    const bounded = Math.min(1, Math.max(0, value));
    return Math.round(255 * (bounded <= 0.0031308 ? 12.92 * bounded : 1.055 * bounded ** (1 / 2.4) - 0.055));
  }));
}

/** @param {number} n how many tribes there are @param {boolean} dark @returns {[number, number, number][]} */
export function tribeColours(n, dark) {
  return Array.from({ length: Math.max(n, 1) }, (_, tribe) => {
    const step = [0, 0.07, -0.06][tribe % 3];
    return rgb((dark ? 0.76 : 0.56) + step, dark ? 0.115 : 0.125, 0.6 + tribe * GOLDEN_ANGLE);
  });
}

/** @param {[number, number, number]} colour */
export const css = (colour) => `rgb(${colour.join(" ")})`;
