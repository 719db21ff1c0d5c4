// On every page: what happens at the bastion meanwhile, and small helps. Pages work without it.

import { byId, chime, memory, signInAgain, Stream, wakeSound } from './shared.js';
import { refresh, refreshAll, remember } from './live.js';
import { beginPage } from './page.js';

/** How often an unread request is heard, and for how long at most, in milliseconds. */
const RING_EVERY = 20_000;
const RING_FOR = 300_000;
/** A short break of the line is nobody's business. */
const OFFLINE_AFTER = 1000;
/** How often typing is told to the bastion at most, in milliseconds. */
const PING_EVERY = 60_000;

const title = document.title.replace(/^\(\d+\) /, '');
let waiting = 0;
let alerts = 0;

// ---- who waits --------------------------------------------------------------------------------------

function onWaiting({ count, alerts: untaken }) {
  waiting = Number(count) || 0;
  alerts = Number(untaken) || 0;
  showWaiting();
}

function showCount(name, count) {
  for (const element of document.querySelectorAll(`.count[data-count=${name}]`)) {
    element.textContent = String(count);
    element.hidden = count === 0;
  }
}

function showWaiting() {
  showCount('waiting', waiting);
  showCount('alerts', alerts);
  document.title = waiting > 0 ? `(${waiting}) ${title}` : title;
  const icon = document.querySelector('link[rel~=icon]');
  const href = new URL(waiting > 0 ? 'icon-waiting.svg' : 'icon.svg', import.meta.url).href;
  if (icon && icon.href !== href) {
    icon.href = href;
  }
}

function onRequest({ number, title: headline, text, href }) {
  memory.write('ring', JSON.stringify({ until: Date.now() + RING_FOR, path: ownPath(href) }));
  memory.write('rang', String(Date.now()));
  chime();
  announce(`${headline} – ${text}`);
  notify(number, headline, text, href);
}

/** A path of this site, whatever came. */
function ownPath(href) {
  const url = new URL(href, location.href);
  return url.origin === location.origin ? url.pathname : '/';
}

function announce(text) {
  const place = byId('announce');
  if (place) {
    place.textContent = text;
  }
}

function notify(number, headline, text, href) {
  if (!('Notification' in window) || Notification.permission !== 'granted') {
    return;
  }
  try {
    const icon = new URL('icon-waiting.svg', import.meta.url).href;
    const notification = new Notification(headline, { body: text, tag: `request-${number}`, icon });
    notification.addEventListener('click', () => {
      window.focus();
      location.assign(ownPath(href));
    });
  } catch {
    // Some phones only notify through a service worker; the sound and the title remain.
  }
}

/** Heard again until somebody looks, by one window of several. */
function ringAgain() {
  const ring = JSON.parse(memory.read('ring') ?? 'null');
  if (!ring) {
    return;
  }
  const read = ring.path === location.pathname && document.visibilityState === 'visible';
  if (read || waiting === 0 || Date.now() > ring.until) {
    memory.write('ring', null);
  } else if (Date.now() - Number(memory.read('rang') ?? 0) >= RING_EVERY) {
    memory.write('rang', String(Date.now()));
    chime();
  }
}

// ---- sound and notification buttons -----------------------------------------------------------------

function showMuted() {
  const muted = memory.read('muted') === 'yes';
  document.querySelectorAll('[data-mute]').forEach((button) => button.setAttribute('aria-pressed', String(muted)));
}

function onMute() {
  memory.write('muted', memory.read('muted') === 'yes' ? null : 'yes');
  showMuted();
}

function showNotify() {
  const useful = 'Notification' in window && Notification.permission === 'default';
  document.querySelectorAll('[data-notify]').forEach((button) => (button.hidden = !useful));
}

async function onNotify() {
  await Notification.requestPermission();
  showNotify();
}

// ---- the line to the bastion ------------------------------------------------------------------------

let offlineTimer = null;
let pinged = -PING_EVERY;

function onLost(refused) {
  offlineTimer ??= setTimeout(() => showOffline(true), OFFLINE_AFTER);
  if (refused) {
    leaveIfSignedOut();
  }
}

/** After a restart everybody is signed out, and nothing but the next answer says so. */
async function leaveIfSignedOut() {
  // The answer to a form has no address to come back to.
  for (const path of [location.pathname + location.search, '/']) {
    const response = await fetch(path, { method: 'HEAD', headers: { 'X-Fragment': '1' } }).catch(() => null);
    if (response && new URL(response.url).pathname === '/sign-in') {
      location.assign(response.url);
      return;
    }
  }
}

function onOpened() {
  clearTimeout(offlineTimer);
  offlineTimer = null;
  showOffline(false);
  // What happened meanwhile was not heard; nor what did between the making of this page and its first line.
  refreshAll();
}

/** Whoever types is there, though nothing was sent yet. Said once a minute at most. */
function onInput() {
  if (performance.now() - pinged >= PING_EVERY) {
    pinged = performance.now();
    fetch('/events/ping').catch(() => {});
  }
}

function showOffline(on) {
  const banner = byId('offline');
  if (banner) {
    banner.hidden = !on;
  }
}

function listen(url) {
  const handlers = {
    waiting: onWaiting,
    request: onRequest,
    change: refresh,
    'signed-out': signInAgain,
  };
  new Stream(url, handlers, { opened: onOpened, lost: onLost });
  setInterval(ringAgain, 2000);
}

function begin() {
  remember();
  beginPage();
  showMuted();
  showNotify();
  document.addEventListener('click', ({ target }) => {
    if (target.closest?.('[data-mute]')) {
      onMute();
    } else if (target.closest?.('[data-notify]')) {
      onNotify();
    }
  });
  // The first touch of the page lets it sound later.
  for (const kind of ['pointerdown', 'keydown']) {
    addEventListener(kind, wakeSound, { once: true, passive: true });
  }
  if (document.body.dataset.events) {
    listen(document.body.dataset.events);
    document.addEventListener('input', onInput, { passive: true });
  }
}

begin();
