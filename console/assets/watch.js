// The watch page: what the technician's terminal shows, and the brakes. A picture is acknowledged only
// once it was painted in a window that is seen: that, and nothing else, is what counts as watching (T22).
//
// Words come from `<template id="words" data-…>`: state-connecting, state-live, state-frozen, state-ended,
// state-reconnecting, state-still, why-own, why-staff {name}, why-unwatched, why-quota, why-journal,
// left {time}, behind {seconds}, skipped {count}, watchers {names}, watchers-none, hidden-for {time},
// answered-right, answered-wrong, answered-late, not-sent; and those of channels.js.

import { byId, clock, fill, language, setText, show, Stream } from './shared.js';
import { Screen } from './screen.js';
import { fit } from './fit.js';
import { Scrollback } from './scrollback.js';
import { showChannels } from './channels.js';
import { FilesSaid } from './files.js';
import { Challenge } from './challenge.js';
import { Brakes } from './brakes.js';
import { Place } from './place.js';

/** Milliseconds of lag from which it is said. */
const BEHIND = 1000;
/** A stream that says nothing for so long is broken, whatever the browser thinks: one comes each second. */
const SILENT = 6000;
/** How long words stand, in milliseconds. */
const SAID = 8000;
/** Pixels of frame and padding below and around the screen. */
const MARGIN = 36;
/** Milliseconds of drawing after which buttons and keys have their turn. */
const BUDGET = 16;
/** Least time between two openings of the stream. */
const REOPEN = 2000;

const root = byId('watch');
const words = byId('words')?.dataset ?? {};
const box = byId('screen');
const screen = new Screen(box);
const place = new Place(root.dataset.stream, root.dataset.csrf, reopen);
const scrollback = new Scrollback((command) => place.send(command));
const brakes = new Brakes(place, {
  me: root.dataset.me,
  csrf: root.dataset.csrf,
  notSent: words.notSent ?? '',
  say,
});
const challenge = new Challenge({
  answer: (typed) => place.send({ answer: typed }),
  late: () => say(words.answeredLate ?? ''),
  busy: () => Boolean(byId('cut-dialog')?.open || byId('resume-dialog')?.open),
});

const filesSaid = new FilesSaid();

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
  const whole = screen.draw(BUDGET);
  showPicture();
  resize();
  if (atEnd) {
    scrollback.toEnd();
    screen.follow(byId('terminal-box') ?? box);
  }
  if (!whole) {
    paintSoon();
    return;
  }
  const [{ n }, { name }] = [picture, place];
  // The next frame begins after this one is on the glass.
  requestAnimationFrame(() => place.acknowledge(n, name));
}

function showPicture() {
  const channel = picture.channels.find((one) => one.number === picture.shown);
  const noScreen = picture.channels.length === 0 || channel?.terminal === false;
  show(byId('no-terminal'), channel?.terminal === false);
  show(byId('no-channels'), picture.channels.length === 0);
  root.dataset.screen = noScreen ? 'none' : 'shown';
  showState(picture.state, picture.why, picture.by);
  const left = byId('watch-left');
  setText(left, fill(words.left ?? '{time}', { time: clock(picture.left) }));
  left?.classList.toggle('soon', picture.left < 300);
  setText(byId('watch-watchers'), watchers(picture.watchers));
  setText(byId('watch-note'), notes());
  showChannels(byId('channels'), picture, (number) => place.send({ show: number }));
  filesSaid.look(picture.channels);
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

function why(cause, by) {
  if (cause?.staff) {
    return cause.staff === root.dataset.me ? words.whyOwn : fill(words.whyStaff, { name: by ?? cause.staff });
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

function showState(next, cause = null, by = null) {
  const element = byId('watch-state');
  const text = [words[STATES[next]], why(cause, by)].filter(Boolean).join(' – ');
  // That it begins, and that it goes on as before, is no news.
  const begins = state === 'connecting' && (next === 'connecting' || next === 'live');
  const news = !begins && (state !== next || element?.textContent !== text);
  state = next;
  root.dataset.state = next;
  if (element) {
    element.dataset.state = next;
    setText(element, text);
  }
  brakes.show(next, cause);
  if (news) {
    say(text);
  }
}

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

// ---- the end, and what lies between -----------------------------------------------------------------

function onAnswered(right) {
  challenge.hide();
  say((right ? words.answeredRight : words.answeredWrong) ?? '');
}

function onEnded(text) {
  over = true;
  place.end();
  stream.close();
  challenge.hide();
  brakes.end();
  showState('ended');
  setText(byId('ended-text'), text);
  show(byId('ended'), true);
  ['watch-left', 'watch-watchers', 'more-history'].forEach((id) => show(byId(id), false));
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

function begin() {
  byId('larger')?.addEventListener('click', ({ currentTarget }) => {
    currentTarget.setAttribute('aria-pressed', String(currentTarget.getAttribute('aria-pressed') !== 'true'));
    resize();
  });
  document.addEventListener('visibilitychange', onVisibility);
  addEventListener('resize', resize);
  setInterval(watchOver, 1000);
  showState('connecting');
}

begin();
