// Replay: a recording's screens by time, with seek, speed, search, and idle stretches cut short.
//
// Words come from `<template id="words" data-…>`: play, pause, position {time} {length}, no-hits, more-hits,
// hits {count}, failed.

import { byId, clock, fill, setText, show } from './shared.js';
import { Screen } from './screen.js';
import { fit } from './fit.js';
import { Search } from './search.js';

/** Seconds without change that count as idle, and what is left of them. */
const IDLE = 2;
const IDLE_LEFT = 0.5;
/** Seconds of recording fetched ahead, at normal speed. */
const AHEAD = 20;
/** Steps of the arrow keys, in seconds. */
const STEP = 5;
const LEAP = 60;

const root = byId('replay');
const words = byId('words')?.dataset ?? {};
const box = byId('screen');
const screen = new Screen(box);

let length = Number(root.dataset.length) || 0;
let position = 0;
let playing = false;
let speed = 1;
// What was fetched: changes still to come, how far they reach, and where the next piece begins.
let queue = [];
let reach = 0;
let next = null;
let fetching = false;
let seeking = false;
// Answers to an older seek are thrown away.
let turn = 0;
let lastTick = null;

// ---- fetching ---------------------------------------------------------------------------------------

async function fetchFrom(at) {
  const query = new URLSearchParams({ track: root.dataset.track, from: String(at) });
  const response = await fetch(`${root.dataset.frames}?${query}`, { headers: { Accept: 'application/json', 'X-Fragment': '1' } });
  if (!response.ok || response.redirected) {
    throw new Error(String(response.status));
  }
  return response.json();
}

/** Shows the screen as it was at this moment and goes on from there. */
async function seek(to) {
  turn += 1;
  const mine = turn;
  position = Math.min(Math.max(0, to), length);
  [queue, next, reach] = [[], null, position];
  showPosition();
  seeking = true;
  busy(true);
  try {
    const piece = await fetchFrom(position);
    if (mine !== turn) {
      return;
    }
    seeking = false;
    screen.clear();
    screen.take(piece.screen);
    take(piece);
    advanceTo(position);
  } catch {
    failed(mine);
  }
}

function take(piece) {
  queue.push(...piece.frames);
  reach = piece.to;
  next = piece.next;
  if (piece.length > 0 && piece.length !== length) {
    length = piece.length;
    byId('seek')?.setAttribute('max', String(Math.ceil(length)));
  }
  busy(false);
  show(byId('failed'), false);
}

async function fetchAhead() {
  if (fetching || seeking || next === null || reach - position > AHEAD * speed) {
    return;
  }
  fetching = true;
  const mine = turn;
  try {
    const piece = await fetchFrom(next);
    if (mine === turn) {
      take(piece);
    }
  } catch {
    failed(mine);
  } finally {
    fetching = false;
  }
}

function failed(mine) {
  if (mine === turn) {
    seeking = false;
    setPlaying(false);
    busy(false);
    show(byId('failed'), true);
    setText(byId('failed'), words.failed ?? byId('failed')?.textContent ?? '');
  }
}

function busy(on) {
  box.setAttribute('aria-busy', String(on));
}

// ---- time -------------------------------------------------------------------------------------------

/** Draws everything up to this moment. */
function advanceTo(at) {
  while (queue.length > 0 && queue[0].at <= at) {
    screen.take(queue.shift().change);
  }
  screen.draw();
  resize();
  position = at;
  showPosition();
}

/** Where an idle stretch is, its end minus a moment; otherwise the same moment. */
function overIdle(at) {
  if (!byId('skip-idle')?.checked) {
    return at;
  }
  const busyAgain = queue[0]?.at ?? (next === null && !seeking ? length : reach);
  return busyAgain - at > IDLE ? busyAgain - IDLE_LEFT : at;
}

function tick(now) {
  if (!playing) {
    return;
  }
  const passed = lastTick === null ? 0 : (now - lastTick) / 1000;
  lastTick = now;
  // A window that was away for long goes on where it was, it does not leap.
  const wanted = overIdle(position) + Math.min(passed, 1) * speed;
  const limit = next === null && !seeking ? length : reach;
  advanceTo(Math.min(wanted, limit));
  fetchAhead();
  if (position >= length) {
    setPlaying(false);
  } else {
    requestAnimationFrame(tick);
  }
}

function setPlaying(on) {
  const began = on && !playing;
  playing = on;
  lastTick = null;
  const button = byId('play');
  button?.setAttribute('aria-pressed', String(on));
  setText(button?.querySelector('[data-slot=text]') ?? button, on ? words.pause : words.play);
  if (began) {
    requestAnimationFrame(tick);
  }
}

async function toggle() {
  if (!playing && position >= length) {
    await seek(0);
  }
  setPlaying(!playing);
}

function showPosition() {
  const slider = byId('seek');
  const text = fill(words.position ?? '{time} / {length}', { time: clock(position), length: clock(length) });
  setText(byId('time'), text);
  if (slider && slider.dataset.dragging !== 'yes') {
    slider.value = String(position);
    slider.setAttribute('aria-valuetext', text);
  }
  markEvent();
}

/** The last thing that happened before this moment. */
function markEvent() {
  let last = null;
  for (const button of byId('events')?.querySelectorAll('[data-at]') ?? []) {
    if (Number(button.dataset.at) <= position) {
      last = button;
    }
    button.removeAttribute('aria-current');
  }
  last?.setAttribute('aria-current', 'true');
}

function resize() {
  const frame = byId('terminal-box') ?? box;
  fit(frame, screen, Math.max(innerHeight * 0.6, 240), false);
}

// ---- hands ------------------------------------------------------------------------------------------

const KEYS = {
  ' ': () => toggle(),
  ArrowLeft: (event) => seek(position - (event.shiftKey ? LEAP : STEP)),
  ArrowRight: (event) => seek(position + (event.shiftKey ? LEAP : STEP)),
  Home: () => seek(0),
  End: () => seek(length),
};

/** Keys that the focused element needs for itself stay its own. */
function belongsTo(element, key) {
  if (element.closest('dialog, textarea, select, input:not([type=range]):not([type=checkbox])')) {
    return true;
  }
  return key === ' ' && element.closest('a, button, summary, input') !== null;
}

function onKey(event) {
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.altKey || event.metaKey || belongsTo(event.target, event.key)) {
    return;
  }
  event.preventDefault();
  act(event);
}

function onSlider(slider) {
  slider.max = String(Math.ceil(length));
  slider.addEventListener('input', () => {
    slider.dataset.dragging = 'yes';
    setText(byId('time'), clock(Number(slider.value)));
  });
  slider.addEventListener('change', () => {
    delete slider.dataset.dragging;
    seek(Number(slider.value));
  });
}

function fromHash() {
  const at = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  return at ? Number(at[1]) : null;
}

function onTrack({ currentTarget }) {
  root.dataset.track = currentTarget.value;
  search.forget();
  seek(position);
}

const search = new Search(root, words, { jump: seek, light: (text) => screen.light(text) });

function begin() {
  byId('play')?.addEventListener('click', toggle);
  byId('speed')?.addEventListener('change', ({ currentTarget }) => (speed = Number(currentTarget.value) || 1));
  speed = Number(byId('speed')?.value) || 1;
  byId('track')?.addEventListener('change', onTrack);
  byId('events')?.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-at]');
    if (button) {
      seek(Number(button.dataset.at));
    }
  });
  if (byId('seek')) {
    onSlider(byId('seek'));
  }
  document.addEventListener('keydown', onKey);
  addEventListener('hashchange', () => fromHash() !== null && seek(fromHash()));
  addEventListener('resize', resize);
  setPlaying(false);
  seek(fromHash() ?? 0);
}

begin();
