// Parts of a page that follow what happens: `[data-live=URL][data-topics="a b"]`, optionally
// `[data-number=N]`. They are fetched anew as whole fragments; what somebody is typing is never taken away.

import { signInAgain } from './shared.js';

const running = new WeakMap();
// What each was made of last: the same again must not disturb whoever reads.
const made = new WeakMap();

/** Remembers what the page came with, before anything of it is changed here. */
export function remember() {
  document.querySelectorAll('[data-live]').forEach((element) => made.set(element, element.innerHTML));
}

/** A change was told: `{topics, number}`. */
export function refresh({ topics = [], number = null }) {
  for (const element of document.querySelectorAll('[data-live]')) {
    const wanted = (element.dataset.topics ?? '').split(/\s+/);
    const mine = element.dataset.number === undefined || number === null || element.dataset.number === String(number);
    if (mine && topics.some((topic) => wanted.includes(topic))) {
      renew(element);
    }
  }
}

/** All of them: nobody knows what was missed. */
export function refreshAll() {
  document.querySelectorAll('[data-live]').forEach((element) => renew(element));
}

/** Fetches one anew. Changes during a fetch lead to one more, not to many. */
export async function renew(element, force = false) {
  if (running.has(element)) {
    running.set(element, true);
    return;
  }
  running.set(element, false);
  try {
    await fetchInto(element, force);
  } catch {
    // The line is down: the banner says so, and all is fetched when it is back.
  }
  const again = running.get(element);
  running.delete(element);
  if (again && element.isConnected) {
    await renew(element, force);
  }
}

async function fetchInto(element, force) {
  const url = new URL(element.dataset.live, location.href);
  // Only whole fragments of this very site are ever put into a page.
  if (url.origin !== location.origin) {
    return;
  }
  const response = await fetch(url, { headers: { 'X-Fragment': '1' } });
  if (response.status === 401 || new URL(response.url).pathname.startsWith('/sign-in')) {
    signInAgain();
    return;
  }
  if (!response.ok) {
    return;
  }
  const parsed = new DOMParser().parseFromString(await response.text(), 'text/html');
  const fresh = parsed.getElementById(element.id);
  if (!fresh || fresh.innerHTML === made.get(element)) {
    return;
  }
  if (!force && isBeingUsed(element)) {
    element.querySelector('.stale')?.removeAttribute('hidden');
    return;
  }
  made.set(element, fresh.innerHTML);
  replace(element, fresh);
}

/** Something was typed or chosen in it, or a dialog of it is open. */
function isBeingUsed(element) {
  return element.querySelector('dialog[open]') !== null || [...element.querySelectorAll('input, textarea, select')].some(isChanged);
}

function isChanged(field) {
  if (field.type === 'checkbox' || field.type === 'radio') {
    return field.checked !== field.defaultChecked;
  }
  if (field instanceof HTMLSelectElement) {
    const first = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(0, first);
  }
  return field.type !== 'hidden' && field.value !== field.defaultValue;
}

/** What could be decided is decided: what was typed for it has no use any more. */
function close(element) {
  if (element.querySelector('[data-over]')) {
    document.querySelectorAll('[data-while-open]').forEach((form) => form.remove());
  }
}

// A page that is on its way to another follows nothing: the answer to the form that was sent must arrive.
let leaving = false;
addEventListener('beforeunload', () => (leaving = true));
addEventListener('pageshow', () => (leaving = false));

/** Something this person waited for is there, on another page of ours: the session they let in. */
function follow(element) {
  const go = element.querySelector('[data-go]')?.dataset.go;
  if (go && !leaving && new URL(go, location.href).origin === location.origin) {
    location.assign(go);
  }
}

function replace(element, fresh) {
  const focus = pathTo(element, document.activeElement);
  const open = [...element.querySelectorAll('details[open][id]')].map((details) => details.id);
  fresh.querySelectorAll('script').forEach((script) => script.remove());
  element.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
  open.forEach((id) => document.getElementById(id)?.setAttribute('open', ''));
  if (focus) {
    find(element, focus)?.focus({ preventScroll: true });
  }
  element.dispatchEvent(new CustomEvent('poterne-renewed', { bubbles: true }));
  close(element);
  follow(element);
}

/** How to find the focused element again: by id, by where it leads, or by its place among its kind. */
function pathTo(element, focused) {
  if (!focused || focused === element || !element.contains(focused)) {
    return null;
  }
  const kind = focused.tagName;
  const place = [...element.getElementsByTagName(kind)].indexOf(focused);
  return { id: focused.id, kind, name: focused.getAttribute('name'), href: focused.getAttribute('href'), place };
}

function find(element, { id, kind, name, href, place }) {
  const all = [...element.getElementsByTagName(kind)];
  const same = (one) => (id ? one.id === id : one.getAttribute('name') === name && one.getAttribute('href') === href);
  return (all[place] && same(all[place]) ? all[place] : all.find(same)) ?? all[place];
}
