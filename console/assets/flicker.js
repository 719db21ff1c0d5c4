// A hostile screen can flash, and flashing harms people (T20; WCAG 2.3.1: at most three flashes a second).
// Where the light of a screen goes up and down too often it is dimmed below what counts as a flash.

/** Share of the screen's whole light whose change counts, a little below what the rule says. */
const CHANGE = 0.07;
/** So many turns within a second are too many: three flashes are six turns, and we stop before. */
const TURNS = 4;
const SECOND = 1000;
/** Dimmed until nothing flashed for so long, in milliseconds. */
const CALM = 4000;
/** Share of a cell that a letter lights, roughly. */
const LETTER = 0.1;

/** Light of a text, in cells: from 0 to its length. `ink` and `ground` are relative luminances. */
export function lightOf(text, ink, ground) {
  let light = 0;
  for (const character of text) {
    const share = character === '\u2588' ? 1 : character === ' ' ? 0 : LETTER;
    light += ground + (ink - ground) * share;
  }
  return light;
}

export class Flicker {
  #element;
  #rows = [];
  #total = 0;
  #settled = 0;
  #direction = 0;
  #turns = [];
  #timer = null;

  constructor(element) {
    this.#element = element;
  }

  /** A row has this much light now. */
  row(n, light) {
    this.#total += light - (this.#rows[n] ?? 0);
    this.#rows[n] = light;
  }

  /** Rows from here on are gone. */
  cut(height) {
    while (this.#rows.length > height) {
      this.#total -= this.#rows.pop() ?? 0;
    }
  }

  /** The screen, of so many cells, was drawn. */
  drawn(cells, now = performance.now()) {
    const light = cells > 0 ? this.#total / cells : 0;
    const change = light - this.#settled;
    if (Math.abs(change) < CHANGE) {
      return;
    }
    this.#settled = light;
    if (Math.sign(change) === this.#direction) {
      return;
    }
    this.#direction = Math.sign(change);
    this.#turns = [...this.#turns.filter((turn) => now - turn < SECOND), now];
    if (this.#turns.length >= TURNS) {
      this.#dim();
    }
  }

  #dim() {
    this.#element.classList.add('calm');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#element.classList.remove('calm'), CALM);
  }
}
