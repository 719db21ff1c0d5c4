// What went before the screen that is shown: older lines above it, fetched a page at a time.

import { byId, show } from './shared.js';
import { visibleText } from './screen.js';

/** Pixels by which one may miss the end and still be at it. */
const NEAR = 8;
/** Lines kept at most: a long evening must not fill the browser. */
const MOST_LINES = 5000;
/** Characters of one line. */
const MOST_OF_LINE = 16_384;

export class Scrollback {
  #box = byId('terminal-box');
  #list = byId('history');
  #button = byId('more-history');
  #send;
  #first = null;
  #track = null;
  #asked = false;
  #away = false;

  constructor(send) {
    this.#send = send;
    this.#button?.addEventListener('click', () => this.#ask());
    this.#box?.addEventListener('scroll', () => this.#scrolled(), { passive: true });
  }

  /** The newest line is in view. */
  get atEnd() {
    const box = this.#box;
    return !box || box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  }

  /** Goes to the newest line. */
  toEnd() {
    if (this.#box && this.#list?.childElementCount > 0) {
      this.#box.scrollTop = this.#box.scrollHeight;
    }
  }

  /** Another channel is shown: what was before it is another. */
  follow(track) {
    this.#track = track;
    this.close();
  }

  /** Forgets what was fetched. */
  close() {
    this.#list?.replaceChildren();
    this.#first = null;
    this.#asked = false;
    this.#away = false;
    show(this.#button, true);
  }

  /** Takes an answer: `{track, first, lines, more}`. */
  add({ track, first, lines, more }) {
    this.#asked = false;
    if (track !== this.#track || !this.#list) {
      return;
    }
    const fromEnd = this.#box.scrollHeight - this.#box.scrollTop;
    const opening = this.#first === null;
    this.#first = first;
    this.#list.prepend(...lines.map(line));
    show(this.#button, more && this.#list.childElementCount < MOST_LINES);
    // What was in view stays where it is; at the first time a page up, so that something is seen to come.
    const back = opening ? this.#box.clientHeight / 2 : 0;
    this.#box.scrollTop = this.#box.scrollHeight - fromEnd - back;
    this.#away = this.#list.childElementCount > 0;
  }

  /** Back at the present: new lines have gone by since, so the next look back begins anew. */
  #scrolled() {
    if (this.#away && this.atEnd) {
      this.close();
    } else if (this.#away && this.#box.scrollTop < NEAR && !this.#button.hidden) {
      this.#ask();
    }
  }

  async #ask() {
    if (this.#asked || this.#track === null) {
      return;
    }
    this.#asked = true;
    const sent = await this.#send({ history: { track: this.#track, before: this.#first } });
    this.#asked = this.#asked && sent;
  }
}

function line(text) {
  const element = document.createElement('div');
  element.className = 'line';
  element.textContent = visibleText(text, MOST_OF_LINE);
  return element;
}
