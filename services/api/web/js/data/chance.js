/** Random ids, also where the page is served without TLS. */

/** @returns {string} 128 random bits in letters and digits */
export function freshId() {
  const numbers = crypto.getRandomValues(new Uint32Array(4));
  return [...numbers].map((number) => number.toString(36).padStart(7, "0")).join("");
}
