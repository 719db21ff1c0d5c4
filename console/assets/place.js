// A window's place at a watch: where its commands go. It ends with the stream it belongs to.

/** Milliseconds after which a command did not get there. */
const PATIENCE = 3000;
/** The same for a form, which may wait for a journal. */
const FORM_PATIENCE = 10_000;

export class Place {
  #name = null;
  #stream;
  #csrf;
  #gone;
  #acknowledging = false;
  #newest = null;

  /** `gone()` is called where the bastion does not know the place any more. */
  constructor(stream, csrf, gone) {
    [this.#stream, this.#csrf, this.#gone] = [stream, csrf, gone];
  }

  /** Its name, while there is one. */
  get name() {
    return this.#name;
  }

  /** There is one. What was painted before belongs to another. */
  begin(name) {
    [this.#name, this.#newest] = [name, null];
  }

  /** There is none. */
  end() {
    this.begin(null);
  }

  /** Sends a command. `false`: it did not get there. */
  async send(command) {
    const name = this.#name;
    if (name === null) {
      return false;
    }
    try {
      const response = await fetch(`${this.#stream}/${encodeURIComponent(name)}`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'X-CSRF-Token': this.#csrf,
          // Pictures are acknowledged by the page itself: that is nothing somebody did.
          ...(command.ack === undefined ? {} : { 'X-Fragment': '1' }),
        },
        body: JSON.stringify(command),
        // A dead line must not hold what comes after, least of all a brake's other way.
        signal: AbortSignal.timeout(PATIENCE),
        // A brake goes out even as the window closes. That a picture was seen does not.
        keepalive: command.ack === undefined,
      });
      const gone = [401, 403, 404, 409, 410].includes(response.status);
      if (gone && name === this.#name) {
        this.#gone();
      }
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Says that a picture of that place was painted. One at a time: a slow line must not pile them up, and the last says all. */
  async acknowledge(n, name) {
    if (name !== this.#name) {
      return;
    }
    this.#newest = n;
    if (this.#acknowledging) {
      return;
    }
    this.#acknowledging = true;
    while (this.#newest !== null && document.visibilityState === 'visible') {
      const painted = this.#newest;
      this.#newest = null;
      if (!(await this.send({ ack: painted }))) {
        break;
      }
    }
    this.#acknowledging = false;
  }
}

/** A form's own way, which needs no place: a brake works also where the picture does not. */
export async function submitPlainly(form, csrf) {
  try {
    const response = await fetch(form.getAttribute('action'), {
      method: 'POST',
      headers: { 'X-CSRF-Token': csrf, Accept: 'application/json' },
      body: new URLSearchParams(new FormData(form)),
      signal: AbortSignal.timeout(FORM_PATIENCE),
    });
    // A sign-in page is no answer to a brake.
    return { ok: response.ok && !new URL(response.url).pathname.startsWith('/sign-in'), response };
  } catch {
    return { ok: false, response: null };
  }
}
