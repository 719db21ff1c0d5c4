// Draws a terminal's screen from rows of styled text. Hostile by assumption (T20): text goes in by
// textContent alone, each row is clipped to its own line, no character is wider than its cells, and
// text that was meant not to be seen is shown and outlined.

import { show } from './shared.js';
import { Flicker, lightOf } from './flicker.js';

/** Most columns and rows, as the bastion's own emulator has them. */
const MOST_COLUMNS = 500;
const MOST_ROWS = 200;
/** Marks that may sit on one letter; a pile of them would cover the lines above. */
const MOST_MARKS = 2;
/** Least contrast of text with what is behind it (WCAG AA). */
const LEAST_CONTRAST = 4.5;
/** Below this a person sees nothing: the text was hidden. */
const HIDDEN_CONTRAST = 1.35;
/** Looks remembered: a screen that uses every colour must not fill the memory. */
const MOST_LOOKS = 2048;

const INK = [230, 234, 236];
const PAPER = [16, 21, 25];
const BASIC = [
  [16, 21, 25], [222, 84, 80], [84, 184, 104], [212, 170, 66], [98, 150, 236], [196, 118, 208], [76, 186, 196], [208, 212, 214],
  [112, 122, 128], [255, 128, 122], [130, 220, 146], [244, 208, 110], [144, 186, 255], [226, 160, 236], [124, 222, 230], [255, 255, 255],
];
const LEVELS = [0, 95, 135, 175, 215, 255];

function indexed(n) {
  if (n < 16) {
    return BASIC[n] ?? INK;
  }
  if (n >= 232) {
    const grey = 8 + (n - 232) * 10;
    return [grey, grey, grey];
  }
  const cube = n - 16;
  return [LEVELS[Math.floor(cube / 36)], LEVELS[Math.floor(cube / 6) % 6], LEVELS[cube % 6]];
}

function colour(value, fallback) {
  if (typeof value?.indexed === 'number') {
    return indexed(value.indexed & 255);
  }
  return Array.isArray(value?.rgb) ? value.rgb.map((part) => Number(part) & 255) : fallback;
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const mix = (from, to, share) => from.map((part, n) => Math.round(part + (to[n] - part) * share));

/** The nearest colour that can be read on this ground. */
function readable(ink, ground) {
  const goal = contrast([255, 255, 255], ground) >= contrast([0, 0, 0], ground) ? [255, 255, 255] : [0, 0, 0];
  for (let share = 0; share < 1; share += 0.1) {
    const tried = mix(ink, goal, share);
    if (contrast(tried, ground) >= LEAST_CONTRAST) {
      return tried;
    }
  }
  return goal;
}

const css = (rgb) => `rgb(${rgb.join(' ')})`;
const looks = new Map();

function lookOf(style) {
  const key = JSON.stringify(style);
  const known = looks.get(key);
  if (known) {
    return known;
  }
  let [ink, ground] = [colour(style.foreground, INK), colour(style.background, PAPER)];
  if (style.inverse) {
    [ink, ground] = [ground, ink];
  }
  const hidden = contrast(ink, ground) < HIDDEN_CONTRAST || Boolean(style.conceal);
  const drawn = readable(style.faint ? mix(ink, ground, 0.35) : ink, ground);
  const names = ['bold', 'italic', 'underline'].filter((name) => style[name]);
  const light = [luminance(drawn), luminance(ground)];
  const look = { hidden, names, light, ink: css(drawn), ground: css(ground) === css(PAPER) ? null : css(ground) };
  if (looks.size >= MOST_LOOKS) {
    looks.clear();
  }
  looks.set(key, look);
  return look;
}

const MARK = /^\p{M}$/u;
const UNSAFE = /^[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]$/u;
// Letters that every fixed-width font has in one width: these may stand together as plain text.
const PLAIN = /^[ -~\u00a1-\u00ac\u00ae-\u017f\u0391-\u03c9\u0410-\u044f\u2500-\u259f]$/;
const WIDE = [
  [0x1100, 0x115f], [0x231a, 0x231b], [0x23e9, 0x23ec], [0x25fd, 0x25fe], [0x2614, 0x2615], [0x2648, 0x2653], [0x26aa, 0x26ab],
  [0x26bd, 0x26be], [0x26c4, 0x26c5], [0x2705, 0x2705], [0x270a, 0x270b], [0x2753, 0x2755], [0x2795, 0x2797], [0x2b1b, 0x2b1c],
  [0x2e80, 0x303e], [0x3041, 0x33ff], [0x3400, 0x4dbf], [0x4e00, 0x9fff], [0xa000, 0xa4cf], [0xa960, 0xa97f], [0xac00, 0xd7a3],
  [0xf900, 0xfaff], [0xfe30, 0xfe6f], [0xff01, 0xff60], [0xffe0, 0xffe6], [0x1f300, 0x1f64f], [0x1f680, 0x1f6ff], [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];

const isWide = (point) => point >= 0x1100 && WIDE.some(([from, to]) => point >= from && point <= to);

/** A control as its picture; what hides or reorders as the sign for "something was here". */
function visible(character) {
  const point = character.codePointAt(0);
  if (point < 0x20) {
    return String.fromCodePoint(0x2400 + point);
  }
  if (point === 0x7f) {
    return '\u2421';
  }
  return UNSAFE.test(character) || (point >= 0xd800 && point <= 0xdfff) ? '\ufffd' : character;
}

/** A line of text for anywhere else: cut, and with nothing in it that hides or reorders. */
export function visibleText(text, most) {
  const whole = Array.from(String(text).slice(0, most), visible).join('');
  return text.length > most ? `${whole}…` : whole;
}

/** Text as pieces: plain stretches, and single characters with the cells they take. */
export function pieces(text, room) {
  const found = [];
  let left = room;
  for (const raw of text) {
    const character = visible(raw);
    const last = found.at(-1);
    if (MARK.test(character)) {
      mark(found, last, character);
      continue;
    }
    const width = isWide(character.codePointAt(0)) ? 2 : 1;
    if (width > left) {
      break;
    }
    left -= width;
    if (PLAIN.test(character)) {
      if (last?.plain) {
        last.text += character;
      } else {
        found.push({ plain: true, text: character });
      }
    } else {
      found.push({ plain: false, text: character, width, marks: 0 });
    }
  }
  return { found, left };
}

/** Puts a mark on the letter before it, in a cell of its own. */
function mark(found, last, character) {
  if (!last) {
    return;
  }
  if (last.plain) {
    const letter = last.text.slice(-1);
    last.text = last.text.slice(0, -1);
    found.push({ plain: false, text: letter + character, width: 1, marks: 1 });
  } else if (last.marks < MOST_MARKS) {
    last.text += character;
    last.marks += 1;
  }
}

function dress(element, look, text) {
  element.classList.add(...look.names);
  element.style.setProperty('color', look.ink);
  if (look.ground) {
    element.classList.add('ground');
    element.style.setProperty('background-color', look.ground);
  }
  if (look.hidden && text.trim() !== '') {
    element.classList.add('was-hidden');
  }
}

function cell(piece) {
  const element = document.createElement('span');
  element.className = piece.width === 2 ? 'cell two' : 'cell';
  element.textContent = piece.text;
  return element;
}

/** Draws a row and gives its light, in cells. */
function drawRow(row, runs, columns) {
  let room = columns;
  let light = 0;
  const children = [];
  for (const run of runs) {
    const { found, left } = pieces(String(run.text), room);
    room = left;
    const span = document.createElement('span');
    span.className = 'run';
    const look = lookOf(run.style ?? {});
    dress(span, look, run.text);
    light += found.reduce((sum, piece) => sum + lightOf(piece.text, ...look.light), 0);
    span.append(...found.filter((piece) => piece.text).map((piece) => (piece.plain ? piece.text : cell(piece))));
    children.push(span);
    if (room <= 0) {
      break;
    }
  }
  row.replaceChildren(...children);
  return light;
}

/** One terminal on a page. Changes are collected by `take` and drawn by `draw`. */
export class Screen {
  #element;
  #rows = [];
  #waiting = new Map();
  #flicker;
  #cursor = document.createElement('span');
  #at = null;
  #found = '';
  #followed = '';
  columns = 80;
  height = 0;

  constructor(element) {
    this.#element = element;
    this.#flicker = new Flicker(element);
    this.#cursor.className = 'cursor';
    this.#cursor.setAttribute('aria-hidden', 'true');
    this.clear();
  }

  /** Forgets the picture. */
  clear() {
    this.#rows = [];
    this.#waiting.clear();
    this.#at = null;
    this.height = 0;
    this.#element.replaceChildren(this.#cursor);
    show(this.#cursor, false);
  }

  /** Takes a change: `{columns, height, cursor, rows: [[n, runs]]}`. Draws nothing yet. */
  take(change) {
    this.columns = Math.min(MOST_COLUMNS, Math.max(1, change.columns));
    this.height = Math.min(MOST_ROWS, Math.max(0, change.height));
    this.#at = change.cursor;
    for (const [n, runs] of change.rows) {
      if (n < this.height) {
        this.#waiting.set(n, runs);
      }
    }
  }

  /**
   * Draws what was taken, for so many milliseconds. `false`: more is left. A screen full of colours takes
   * seconds, and no target may keep the watcher's hand from the brakes for so long.
   */
  draw(budget = Infinity) {
    const from = performance.now();
    this.#resize();
    for (const [n, runs] of this.#waiting) {
      if (performance.now() - from > budget) {
        break;
      }
      this.#waiting.delete(n);
      if (this.#rows[n]) {
        this.#flicker.row(n, drawRow(this.#rows[n], runs, this.columns));
        this.#light(this.#rows[n]);
      }
    }
    this.#flicker.drawn(this.columns * this.height);
    this.#placeCursor();
    return this.#waiting.size === 0;
  }

  /** Marks the rows that hold this text. */
  light(text) {
    this.#found = text.trim().toLocaleLowerCase();
    this.#rows.forEach((row) => this.#light(row));
  }

  /** Where a box is too small for the letters, it goes along with a cursor that moved. */
  follow(box) {
    const at = String(this.#at);
    if (!this.#at || at === this.#followed || box.scrollWidth <= box.clientWidth) {
      return;
    }
    this.#followed = at;
    const [cursor, view] = [this.#cursor.getBoundingClientRect(), box.getBoundingClientRect()];
    if (cursor.left < view.left || cursor.right > view.right) {
      box.scrollLeft += cursor.left - view.left - view.width * 0.7;
    }
  }

  #light(row) {
    const found = this.#found !== '' && row.textContent.toLocaleLowerCase().includes(this.#found);
    row.classList.toggle('found', found);
  }

  #resize() {
    this.#flicker.cut(this.height);
    this.#element.style.setProperty('--columns', String(this.columns));
    while (this.#rows.length > this.height) {
      this.#rows.pop().remove();
    }
    while (this.#rows.length < this.height) {
      const row = document.createElement('div');
      row.className = 'row';
      this.#rows.push(row);
      this.#element.insertBefore(row, this.#cursor);
    }
  }

  #placeCursor() {
    const inside = this.#at && this.#at[0] <= this.columns && this.#at[1] < this.height;
    show(this.#cursor, Boolean(inside));
    if (inside) {
      this.#cursor.style.setProperty('--column', String(Math.min(this.#at[0], this.columns - 1)));
      this.#cursor.style.setProperty('--row', String(this.#at[1]));
    }
  }
}
