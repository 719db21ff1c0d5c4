// Now and then something is to be typed by hand, so that a forgotten window watches nobody (T22).

import { byId, chime, clock, setText, show } from './shared.js';

/** How often one that stands is heard again, in milliseconds. */
const AGAIN = 15_000;

export class Challenge {
  #region = byId('challenge');
  #timer = null;
  #until = 0;
  #heard = 0;
  #told;

  /** `told`: `answer(typed)`, `late()`, and `busy()`: somebody writes elsewhere. */
  constructor(told) {
    this.#told = told;
    this.#region?.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      told.answer(this.#input.value);
    });
  }

  get #input() {
    return this.#region.querySelector('input:not([type=hidden])');
  }

  /** Shows one: `{text, seconds}`. */
  ask({ text, seconds }) {
    if (!this.#region) {
      return;
    }
    this.#until = performance.now() + seconds * 1000;
    this.#heard = -Infinity;
    setText(byId('challenge-text'), text);
    this.#input.value = '';
    show(this.#region, true);
    // Whoever is just writing why they cut is not interrupted.
    if (!this.#told.busy()) {
      this.#input.focus();
    }
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), 1000);
    this.#tick();
  }

  /** It is answered, or void. */
  hide() {
    clearInterval(this.#timer);
    show(this.#region, false);
  }

  #tick() {
    const left = this.#until - performance.now();
    setText(byId('challenge-left'), clock(Math.ceil(left / 1000)));
    if (left <= 0) {
      this.hide();
      this.#told.late();
    } else if (performance.now() - this.#heard >= AGAIN) {
      this.#heard = performance.now();
      chime();
    }
  }
}
