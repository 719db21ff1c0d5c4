// What several pages need. No side effects: importing this twice does nothing twice.

/** The element of this id, or null. */
export const byId = (id) => document.getElementById(id);

/** The page's own language, for numbers, lists and times. */
export const language = document.documentElement.lang || undefined;

/** To the sign-in, and back to this page afterwards. */
export function signInAgain() {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Puts values into a sentence of the page: `{name}` is replaced, nothing else is read. */
export function fill(sentence, values = {}) {
  return (sentence ?? '').replace(/\{(\w+)\}/g, (hole, name) => (name in values ? String(values[name]) : hole));
}

/** Sets text only where it differs, so that screen readers hear changes and nothing else. */
export function setText(element, text) {
  if (element && element.textContent !== text) {
    element.textContent = text;
  }
}

/** Shows or hides. */
export function show(element, shown) {
  if (element && element.hidden === Boolean(shown)) {
    element.hidden = !shown;
  }
}

/** Seconds as `mm:ss`, or `h:mm:ss` from an hour on. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours > 0 ? `${hours}:` : ''}${two(minutes)}:${two(whole % 60)}`;
}

const STEPS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];

/** Bytes in the page's language. */
export function bytes(count) {
  let [amount, step] = [count, 0];
  while (amount >= 1000 && step < STEPS.length - 1) {
    amount /= 1000;
    step += 1;
  }
  const style = { style: 'unit', unit: STEPS[step], unitDisplay: 'short', maximumFractionDigits: step > 0 && amount < 10 ? 1 : 0 };
  return new Intl.NumberFormat(language, style).format(amount);
}

// The ward's computer may be minutes off; what counts is the bastion's clock.
const serverAtLoad = Date.parse(document.body?.dataset.now ?? '');
const offset = Number.isNaN(serverAtLoad) ? 0 : serverAtLoad - Date.now();

/** Now, by the bastion's clock, in milliseconds. */
export const serverNow = () => Date.now() + offset;

/** Remembered on this computer; a browser that forbids it just forgets. */
export const memory = {
  read(key) {
    try {
      return localStorage.getItem(`poterne.${key}`);
    } catch {
      return null;
    }
  },
  write(key, value) {
    try {
      if (value === null) {
        localStorage.removeItem(`poterne.${key}`);
      } else {
        localStorage.setItem(`poterne.${key}`, value);
      }
    } catch {
      // Private windows may have no storage.
    }
  },
};

let audio = null;

/** Browsers let a page sound only after somebody touched it. */
export function wakeSound() {
  try {
    audio ??= new AudioContext();
    audio.resume().catch(() => {});
  } catch {
    // No sound here; the title, the icon and the notification remain.
  }
}

function tone(frequency, from, length) {
  const [oscillator, gain] = [audio.createOscillator(), audio.createGain()];
  const at = audio.currentTime + from;
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0.0001, at);
  gain.gain.exponentialRampToValueAtTime(0.15, at + 0.04);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + length);
}

/** Two soft tones, unless muted on this computer. */
export function chime() {
  if (memory.read('muted') === 'yes') {
    return;
  }
  wakeSound();
  if (audio?.state === 'running') {
    tone(587, 0, 0.35);
    tone(784, 0.22, 0.5);
  }
}

/** Events from the server that come back by themselves, also where the browser gives up. */
export class Stream {
  #url;
  #source = null;
  #handlers;
  #failures = 0;
  #timer = null;
  #closed = false;

  /** `handlers`: by event name, given the parsed data; `opened`, `lost(refused)`. */
  constructor(url, handlers, { opened = () => {}, lost = () => {} } = {}) {
    this.#url = url;
    this.#handlers = handlers;
    this.opened = opened;
    this.lost = lost;
    this.open();
    // A page put aside by the back button holds no line open.
    addEventListener('pagehide', () => this.#drop());
    addEventListener('pageshow', (event) => event.persisted && !this.#closed && this.open());
  }

  /** Opens, or opens anew. */
  open() {
    this.#drop();
    const source = new EventSource(this.#url);
    this.#source = source;
    source.addEventListener('open', () => {
      this.#failures = 0;
      this.opened();
    });
    source.addEventListener('error', () => source === this.#source && this.#failed());
    for (const [name, handler] of Object.entries(this.#handlers)) {
      source.addEventListener(name, (event) => source === this.#source && handler(parse(event.data)));
    }
  }

  /** For good. */
  close() {
    this.#closed = true;
    this.#drop();
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #failed() {
    const refused = this.#source.readyState === EventSource.CLOSED;
    this.#failures += 1;
    if (refused) {
      const wait = Math.min(10_000, 500 * 2 ** this.#failures);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.open(), wait);
    }
    this.lost(refused);
  }
}

function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

const openers = new WeakMap();

/**
 * Opens a dialog. One with `data-modeless` leaves the page behind it in reach: on the watch page nothing
 * may keep a hand from the brakes or from a challenge.
 */
export function openDialog(dialog) {
  if (!dialog || dialog.open) {
    return;
  }
  openers.set(dialog, document.activeElement);
  const { scrollX, scrollY } = window;
  if ('modeless' in dialog.dataset) {
    dialog.show();
    // It stands still at the window's edge; browsers scroll to it nevertheless.
    scrollTo(scrollX, scrollY);
  } else {
    dialog.showModal();
  }
  const first = dialog.querySelector('[autofocus], input:not([type=hidden]), textarea, select, button:not([data-close])');
  first?.focus({ preventScroll: 'modeless' in dialog.dataset });
}

/** Closes it and puts the focus back to where it was. */
export function closeDialog(dialog) {
  if (!dialog?.open) {
    return;
  }
  dialog.close();
  const opener = openers.get(dialog);
  if (opener?.isConnected) {
    opener.focus();
  }
}
