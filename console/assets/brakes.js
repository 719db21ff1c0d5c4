// Freeze, let go on, cut: by button and by key (F8, F9). Each also has a plain form, which is used where
// the window's place is lost: a brake must work also where the picture does not.

import { byId, closeDialog, openDialog, setText, show } from './shared.js';
import { submitPlainly } from './place.js';

/** After freezing, letting go is out of reach for a moment: a second click must not undo the first. */
const GUARD = 1200;

export class Brakes {
  #place;
  #page;

  /** `page`: `{me, csrf, notSent, say(text)}`. */
  constructor(place, page) {
    [this.#place, this.#page] = [place, page];
    onSubmit(byId('freeze-form'), () => this.#freeze());
    onSubmit(byId('cut-form'), (form) => this.#cut(form));
    onSubmit(byId('resume-dialog')?.querySelector('form'), (form) => this.#resumeOther(form));
    onClick(byId('resume-own'), () => this.#act('resume', null));
    onClick(byId('cut'), () => openDialog(byId('cut-dialog')));
    document.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Shows what can be done in this state. */
  show(state, cause) {
    if (state !== 'live' && state !== 'frozen') {
      return;
    }
    const staff = state === 'frozen' ? cause?.staff : undefined;
    const own = staff === this.#page.me;
    const hadFocus = document.activeElement?.id === 'freeze';
    byId('freeze')?.removeAttribute('aria-busy');
    show(byId('freeze-form') ?? byId('freeze'), !staff);
    guarded(byId('resume-own'), own);
    // What another froze, or a limit, takes a fresh code to let go.
    guarded(byId('resume-other'), state === 'frozen' && cause !== 'unwatched' && !own);
    if (hadFocus && staff) {
      byId('cut')?.focus();
    }
  }

  /** It is over: nothing is left to brake. */
  end() {
    closeDialog(byId('cut-dialog'));
    closeDialog(byId('resume-dialog'));
    show(byId('brakes'), false);
  }

  #key(event) {
    const known = event.key === 'F8' || event.key === 'F9';
    const there = byId('freeze') && !byId('brakes')?.hidden;
    if (!known || !there) {
      return;
    }
    event.preventDefault();
    if (event.repeat) {
      return;
    }
    if (event.key === 'F8') {
      this.#freeze();
    } else {
      openDialog(byId('cut-dialog'));
    }
  }

  async #act(command, form) {
    const done = (await this.#place.send(command)) || (form && (await submitPlainly(form, this.#page.csrf)).ok);
    if (!done) {
      this.#page.say(this.#page.notSent);
    }
    return done;
  }

  async #freeze() {
    byId('freeze')?.setAttribute('aria-busy', 'true');
    if (!(await this.#act('freeze', byId('freeze-form')))) {
      byId('freeze')?.removeAttribute('aria-busy');
    }
  }

  async #cut(form) {
    form.setAttribute('aria-busy', 'true');
    const reason = String(new FormData(form).get('reason') ?? '');
    if (await this.#act({ cut: reason }, form)) {
      closeDialog(byId('cut-dialog'));
    }
    form.removeAttribute('aria-busy');
  }

  async #resumeOther(form) {
    const error = form.querySelector('.error');
    const { response } = await submitPlainly(form, this.#page.csrf);
    const answer = await response?.json().catch(() => null);
    form.reset();
    setText(error, answer?.ok ? '' : (answer?.error ?? this.#page.notSent));
    show(error, !answer?.ok);
    if (answer?.ok) {
      closeDialog(byId('resume-dialog'));
    } else {
      form.querySelector('input:not([type=hidden])')?.focus();
    }
  }
}

function guarded(button, visible) {
  if (button?.hidden && visible) {
    button.disabled = true;
    setTimeout(() => (button.disabled = false), GUARD);
  }
  show(button, visible);
}

function onSubmit(form, act) {
  form?.addEventListener('submit', (event) => {
    event.preventDefault();
    act(form);
  });
}

function onClick(button, act) {
  button?.addEventListener('click', (event) => {
    event.preventDefault();
    act();
  });
}
