// Search in a recording's text: hits are buttons that jump to just before the moment.

import { byId, clock, fill, setText } from './shared.js';
import { visibleText } from './screen.js';

/** Seconds before a hit at which the replay begins, so that it is seen to come. */
const BEFORE = 1;
/** Characters shown of a line that was found. */
const MOST_OF_HIT = 300;

export class Search {
  #root;
  #words;
  #player;
  #turn = 0;

  /** `player`: `{jump(seconds), light(text)}`. */
  constructor(root, words, player) {
    [this.#root, this.#words, this.#player] = [root, words, player];
    byId('search-form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#search(byId('query').value.trim());
    });
  }

  /** Another track is shown: the hits were not in it. */
  forget() {
    this.#turn += 1;
    byId('hits')?.replaceChildren();
    this.#say('');
    this.#player.light('');
  }

  #say(text) {
    setText(byId('hits-said'), text);
  }

  async #search(text) {
    this.forget();
    if (text === '') {
      return;
    }
    const mine = this.#turn;
    const query = new URLSearchParams({ track: this.#root.dataset.track, q: text });
    byId('hits')?.setAttribute('aria-busy', 'true');
    try {
      const response = await fetch(`${this.#root.dataset.search}?${query}`, { headers: { Accept: 'application/json' } });
      const found = response.ok && !response.redirected ? await response.json() : null;
      if (mine === this.#turn) {
        this.#show(found, text);
      }
    } catch {
      this.#say(this.#words.failed ?? '');
    }
    byId('hits')?.removeAttribute('aria-busy');
  }

  #show(found, text) {
    if (!found) {
      this.#say(this.#words.failed ?? '');
      return;
    }
    byId('hits')?.replaceChildren(...found.hits.map((hit) => this.#hit(hit)));
    const count = found.hits.length;
    const said = count === 0 ? this.#words.noHits : fill(this.#words.hits, { count });
    this.#say([said, found.more ? this.#words.moreHits : ''].filter(Boolean).join(' '));
    this.#player.light(text);
  }

  #hit({ at, text }) {
    const [item, button, when, what] = ['li', 'button', 'time', 'bdi'].map((name) => document.createElement(name));
    button.type = 'button';
    button.className = 'hit';
    when.textContent = clock(at);
    what.textContent = visibleText(text, MOST_OF_HIT);
    button.append(when, ' ', what);
    button.addEventListener('click', () => {
      byId('hits').querySelector('[aria-current]')?.removeAttribute('aria-current');
      button.setAttribute('aria-current', 'true');
      this.#player.jump(Math.max(0, at - BEFORE));
    });
    item.append(button);
    return item;
  }
}
