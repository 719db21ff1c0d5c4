// The watch page: what the technician's terminal shows, and the brakes. A picture is acknowledged only
// once it was painted in a window that is seen: that, and nothing else, is what counts as watching (T22).
//
// Words come from `<template id="words" data-…>`: state-connecting, state-live, state-frozen, state-ended,
// state-reconnecting, state-still, why-own, why-staff {name}, why-unwatched, why-quota, why-journal,
// left {time}, behind {seconds}, skipped {count}, watchers {names}, watchers-none, hidden-for {time},
// answered-right, answered-wrong, answered-late, not-sent.

import { byId, clock, closeDialog, fill, language, openDialog, setText, show, Stream } from './shared.js';
import { Screen, fit } from './screen.js';
import { Scrollback } from './scrollback.js';
import { showChannels } from './channels.js';
import { Challenge } from './challenge.js';
import { Place, submitPlainly } from './place.js';

/** Milliseconds of lag from which it is said. */
const BEHIND = 1000;
/** A stream that says nothing for so long is broken, whatever the browser thinks: one comes each second. */
const SILENT = 6000;
/** How long words stand, in milliseconds. */
const SAID = 8000;
/** Pixels of frame and padding below and around the screen. */
const MARGIN = 36;
/** Least time between two openings of the stream. */
const REOPEN = 2000;
/** After freezing, letting go is out of reach for a moment: a second click must not undo the first. */
const GUARD = 1200;

const root = byId('watch');
const words = byId('words')?.dataset ?? {};
const box = byId('screen');
const screen = new Screen(box);
const place = new Place(root.dataset.stream, root.dataset.csrf, reopen);
const scrollback = new Scrollback((command) => place.send(command));
const challenge = new Challenge({
  answer: (typed) => place.send({ answer: typed }),
  late: () => say(words.answeredLate ?? ''),
  busy: () => Boolean(byId('cut-dialog')?.open || byId('resume-dialog')?.open),
});

let picture = null;
let shown = null;
let state = 'connecting';
let painting = false;
let lastHeard = performance.now();
let hiddenSince = null;
let over = false;
let openedAt = performance.now();
let reopening = null;
let saying = null;

const stream = new Stream(
  root.dataset.stream,
  {
    place: (data) => began(data.place),
    hello: heard,
    frame: onFrame,
    challenge: (asked) => challenge.ask(asked),
    answered: onAnswered,
    said: say,
    history: (page) => scrollback.add(page),
    ended: onEnded,
  },
  { opened: heard, lost: onLost },
);

function heard() {
  lastHeard = performance.now();
}

function say(text) {
  // The same words twice are news twice: an empty moment between makes them heard.
  setText(byId('said'), '');
  clearTimeout(saying);
  saying = setTimeout(() => {
    setText(byId('said'), text);
    // What was said is soon no longer so; what is stands in the state.
    saying = setTimeout(() => setText(byId('said'), ''), SAID);
  }, 50);
}

// ---- the picture ------------------------------------------------------------------------------------

function began(name) {
  heard();
  place.begin(name);
  shown = null;
  picture = null;
  challenge.hide();
}

function onFrame(next) {
  heard();
  if (next.shown !== shown) {
    shown = next.shown;
    screen.clear();
    scrollback.follow(shown);
  }
  if (next.screen) {
    screen.take(next.screen);
  }
  picture = next;
  paintSoon();
}

// A hidden window gets no animation frames, so nothing is painted and nothing acknowledged there.
function paintSoon() {
  if (!painting) {
    painting = true;
    requestAnimationFrame(paint);
  }
}

function paint() {
  painting = false;
  if (!picture) {
    return;
  }
  const atEnd = scrollback.atEnd;
  screen.draw();
  showPicture();
  resize();
  if (atEnd) {
    scrollback.toEnd();
  }
  const [{ n }, { name }] = [picture, place];
  // The next frame begins after this one is on the glass.
  requestAnimationFrame(() => place.acknowledge(n, name));
}

function showPicture() {
  const channel = picture.channels.find((one) => one.number === picture.shown);
  show(byId('no-terminal'), channel?.terminal === false);
  showState(picture.state, picture.why);
  const left = byId('watch-left');
  setText(left, fill(words.left ?? '{time}', { time: clock(picture.left) }));
  left?.classList.toggle('soon', picture.left < 300);
  setText(byId('watch-watchers'), watchers(picture.watchers));
  setText(byId('watch-note'), notes());
  showChannels(byId('channels'), picture, (number) => place.send({ show: number }));
}

function watchers(names) {
  const list = new Intl.ListFormat(language).format(names);
  return names.length > 0 ? fill(words.watchers ?? '{names}', { names: list }) : (words.watchersNone ?? '');
}

function notes() {
  const late = picture.behind > BEHIND ? fill(words.behind, { seconds: Math.round(picture.behind / 1000) }) : '';
  const left = picture.skipped > 0 ? fill(words.skipped, { count: picture.skipped }) : '';
  return [late, left].filter(Boolean).join(' ');
}

function why(cause) {
  if (cause?.staff) {
    return cause.staff === root.dataset.me ? words.whyOwn : fill(words.whyStaff, { name: cause.staff });
  }
  return { unwatched: words.whyUnwatched, quota: words.whyQuota, journal: words.whyJournal }[cause] ?? '';
}

const STATES = {
  connecting: 'stateConnecting',
  live: 'stateLive',
  frozen: 'stateFrozen',
  ended: 'stateEnded',
  reconnecting: 'stateReconnecting',
  still: 'stateStill',
};

function showState(next, cause = null) {
  const element = byId('watch-state');
  const text = [words[STATES[next]], why(cause)].filter(Boolean).join(' – ');
  // That it begins, and that it goes on as before, is no news.
  const begins = state === 'connecting' && (next === 'connecting' || next === 'live');
  const news = !begins && (state !== next || element?.textContent !== text);
  state = next;
  root.dataset.state = next;
  if (element) {
    element.dataset.state = next;
    setText(element, text);
  }
  showBrakes(next, cause);
  if (news) {
    say(text);
  }
}

function showBrakes(next, cause) {
  if (next !== 'live' && next !== 'frozen') {
    return;
  }
  const staff = next === 'frozen' ? cause?.staff : undefined;
  const own = staff === root.dataset.me;
  const hadFocus = document.activeElement?.id === 'freeze';
  byId('freeze')?.removeAttribute('aria-busy');
  show(byId('freeze-form') ?? byId('freeze'), !staff);
  guarded(byId('resume-own'), Boolean(staff) && own);
  // What another froze, or a limit, takes a fresh code to let go.
  guarded(byId('resume-other'), next === 'frozen' && cause !== 'unwatched' && !own);
  if (hadFocus && staff) {
    byId('cut')?.focus();
  }
}

function guarded(button, visible) {
  if (button?.hidden && visible) {
    button.disabled = true;
    setTimeout(() => (button.disabled = false), GUARD);
  }
  show(button, visible);
}

// ---- brakes -----------------------------------------------------------------------------------------

function reopen() {
  if (over) {
    return;
  }
  place.end();
  heard();
  // Not faster, whatever is refused.
  const wait = Math.max(0, openedAt + REOPEN - performance.now());
  openedAt = performance.now() + wait;
  clearTimeout(reopening);
  reopening = setTimeout(() => !over && stream.open(), wait);
}

async function brake(command, form) {
  const done = (await place.send(command)) || (form && (await submitPlainly(form, root.dataset.csrf)).ok);
  if (!done) {
    say(words.notSent ?? '');
    setText(byId('watch-note'), words.notSent ?? '');
  }
  return done;
}

async function freeze() {
  const form = byId('freeze-form');
  byId('freeze')?.setAttribute('aria-busy', 'true');
  if (!(await brake('freeze', form))) {
    byId('freeze')?.removeAttribute('aria-busy');
  }
}

async function cut(form) {
  const button = form.querySelector('button[type=submit], button:not([type])');
  button?.setAttribute('aria-busy', 'true');
  const reason = String(new FormData(form).get('reason') ?? '');
  if (await brake({ cut: reason }, form)) {
    closeDialog(byId('cut-dialog'));
  }
  button?.removeAttribute('aria-busy');
}

async function resumeOther(form) {
  const error = form.querySelector('.error');
  const { response } = await submitPlainly(form, root.dataset.csrf);
  const answer = await response?.json().catch(() => null);
  form.reset();
  if (answer?.ok) {
    setText(error, '');
    closeDialog(byId('resume-dialog'));
  } else {
    setText(error, answer?.error ?? words.notSent ?? '');
    show(error, true);
    form.querySelector('input:not([type=hidden])')?.focus();
  }
}

function onAnswered(right) {
  challenge.hide();
  say((right ? words.answeredRight : words.answeredWrong) ?? '');
}

// ---- the end, and what lies between -----------------------------------------------------------------

function onEnded(text) {
  over = true;
  place.end();
  stream.close();
  challenge.hide();
  closeDialog(byId('cut-dialog'));
  closeDialog(byId('resume-dialog'));
  showState('ended');
  setText(byId('ended-text'), text);
  show(byId('ended'), true);
  show(byId('brakes'), false);
  byId('ended')?.querySelector('a, button')?.focus();
  say(text);
}

function onLost(refused) {
  place.end();
  if (!over) {
    showState('reconnecting');
    if (refused) {
      lookAgain();
    }
  }
}

/** Refused: signed out, or over meanwhile. Then the page itself knows better. */
async function lookAgain() {
  const response = await fetch(location.pathname, { method: 'HEAD', redirect: 'manual' }).catch(() => null);
  if (response && !response.ok && response.status < 500) {
    location.reload();
  }
}

function watchOver() {
  if (!over && document.visibilityState === 'visible' && performance.now() - lastHeard > SILENT) {
    showState('still');
    reopen();
  }
}

function onVisibility() {
  if (document.visibilityState === 'hidden') {
    hiddenSince = performance.now();
    return;
  }
  if (hiddenSince !== null && !over && root.dataset.counts === 'true') {
    say(fill(words.hiddenFor, { time: clock((performance.now() - hiddenSince) / 1000) }));
  }
  hiddenSince = null;
  heard();
  paintSoon();
}

function resize() {
  const frame = byId('terminal-box') ?? box;
  const above = frame.getBoundingClientRect().top + scrollY + (byId('more-history')?.offsetHeight ?? 0);
  const room = innerHeight - above - MARGIN;
  fit(frame, screen, Math.max(room, innerHeight * 0.45), byId('larger')?.getAttribute('aria-pressed') === 'true');
}

function onKey(event) {
  if (event.repeat || (event.key !== 'F8' && event.key !== 'F9') || !byId('freeze')) {
    return;
  }
  event.preventDefault();
  if (event.key === 'F8') {
    freeze();
  } else {
    openDialog(byId('cut-dialog'));
  }
}

function onSubmit(form, act) {
  form?.addEventListener('submit', (event) => {
    event.preventDefault();
    act(form);
  });
}

function begin() {
  onSubmit(byId('freeze-form'), freeze);
  onSubmit(byId('cut-form'), cut);
  onSubmit(byId('resume-dialog')?.querySelector('form'), resumeOther);
  byId('resume-own')?.addEventListener('click', (event) => {
    event.preventDefault();
    place.send('resume');
  });
  byId('cut')?.addEventListener('click', (event) => {
    event.preventDefault();
    openDialog(byId('cut-dialog'));
  });
  byId('larger')?.addEventListener('click', ({ currentTarget }) => {
    currentTarget.setAttribute('aria-pressed', String(currentTarget.getAttribute('aria-pressed') !== 'true'));
    resize();
  });
  document.addEventListener('keydown', onKey);
  document.addEventListener('visibilitychange', onVisibility);
  addEventListener('resize', resize);
  setInterval(watchOver, 1000);
  showState('connecting');
}

begin();
