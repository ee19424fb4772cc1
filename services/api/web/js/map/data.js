/** The map's bytes as arrays, and a grid that finds the book under the pointer. */

const HEAD_BYTES = 24;
const PER_CELL = 3;
export const SIDE = 65535;

/** All books by position. services/api/page/book_map.py describes the layout of the bytes. */
export class BookMap {
  /** @param {ArrayBuffer} bytes */
  constructor(bytes) {
    const view = new DataView(bytes);
    if (view.byteLength < HEAD_BYTES || view.getUint32(0) !== 0x4e534d31) throw new Error("This page cannot read the map.");
    const n = view.getUint32(4, true);
    this.n = n;
    /** Width over height of the map. */
    this.shape = (view.getFloat32(12, true) - view.getFloat32(8, true)) / (view.getFloat32(20, true) - view.getFloat32(16, true) || 1) || 1;
    let at = HEAD_BYTES;
    const take = (Type) => {
      const array = new Type(bytes.slice(at, at + n * Type.BYTES_PER_ELEMENT));
      at += n * Type.BYTES_PER_ELEMENT;
      return array;
    };
    this.numbers = take(Uint32Array);
    this.x = take(Uint16Array);
    this.y = take(Uint16Array);
    this.tribes = take(Uint16Array);
    this.ratings = take(Uint8Array);
    this.mostRatings = this.ratings.reduce((most, one) => Math.max(most, one), 1);
    this.#sort();
  }

  /** Sort the books by grid cell into one array. */
  #sort() {
    this.cells = Math.max(1, Math.round(Math.sqrt(this.n / PER_CELL)));
    const starts = new Uint32Array(this.cells * this.cells + 1);
    for (let book = 0; book < this.n; book += 1) starts[this.#cellOf(book) + 1] += 1;
    for (let cell = 1; cell < starts.length; cell += 1) starts[cell] += starts[cell - 1];
    const next = starts.slice();
    const members = new Uint32Array(this.n);
    for (let book = 0; book < this.n; book += 1) {
      const cell = this.#cellOf(book);
      members[next[cell]] = book;
      next[cell] += 1;
    }
    this.starts = starts;
    this.members = members;
  }

  #cellOf(book) {
    return this.#line(this.y[book]) * this.cells + this.#line(this.x[book]);
  }

  #line(coordinate) {
    return Math.max(0, Math.min(this.cells - 1, Math.floor((coordinate / (SIDE + 1)) * this.cells)));
  }

  /**
   * The book nearest to a position, -1 if none is within reach.
   * @param {number} x @param {number} y @param {number} reachX @param {number} reachY
   * @param {(book: number) => boolean} [allowed]
   */
  nearest(x, y, reachX, reachY, allowed = () => true) {
    let best = -1;
    let bestDistance = 1;
    for (let row = this.#line(y - reachY); row <= this.#line(y + reachY); row += 1) {
      for (let column = this.#line(x - reachX); column <= this.#line(x + reachX); column += 1) {
        const cell = row * this.cells + column;
        for (let at = this.starts[cell]; at < this.starts[cell + 1]; at += 1) {
          const book = this.members[at];
          const distance = ((this.x[book] - x) / reachX) ** 2 + ((this.y[book] - y) / reachY) ** 2;
          if (distance < bestDistance && allowed(book)) [best, bestDistance] = [book, distance];
        }
      }
    }
    return best;
  }

  /**
   * The next book in a direction: near, and close to the line.
   * @param {number} from @param {number} dx -1, 0 or 1 @param {number} dy
   */
  next(from, dx, dy) {
    for (let reach = SIDE / this.cells; reach < 2 * SIDE; reach *= 2) {
      const [cx, cy] = [this.x[from] + dx * reach, this.y[from] + dy * reach];
      const ahead = (book) => {
        const [ax, ay] = [this.x[book] - this.x[from], this.y[book] - this.y[from]];
        const [along, across] = dx ? [ax * dx, ay] : [ay * dy, ax];
        return book !== from && along > 0 && Math.abs(across) <= along;
      };
      const found = this.nearest(cx, cy, reach * 1.01, reach * 1.01, ahead);
      if (found >= 0) return found;
    }
    return from;
  }

  /** The middle of each tribe and how many books it has. @returns {Map<number, {x: number, y: number, n: number}>} */
  middles() {
    const sums = new Map();
    for (let book = 0; book < this.n; book += 1) {
      const sum = sums.get(this.tribes[book]) ?? { x: 0, y: 0, n: 0 };
      sum.x += this.x[book];
      sum.y += this.y[book];
      sum.n += 1;
      sums.set(this.tribes[book], sum);
    }
    for (const sum of sums.values()) [sum.x, sum.y] = [sum.x / sum.n, sum.y / sum.n];
    return sums;
  }
}
