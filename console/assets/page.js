// Small helps of every page: relative times and countdowns, dialogs, copying, forms sent once, codes.

import { byId, clock, closeDialog, language, openDialog, serverNow, setText } from './shared.js';
import { renew } from './live.js';

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

function relative(instant) {
  const seconds = Math.round((instant - serverNow()) / 1000);
  const [unit, size] = UNITS.find(([, one]) => Math.abs(seconds) >= one) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.trunc(seconds / size), unit);
}

/** Times beside the absolute ones: "3 minutes ago". */
function showRelative() {
  for (const element of document.querySelectorAll('time[data-relative]')) {
    const instant = Date.parse(element.dateTime);
    if (!Number.isNaN(instant)) {
      setText(element, relative(instant));
    }
  }
}

/** What is left until an instant; at its end what it stands in is fetched anew, once. */
function showUntil() {
  for (const element of document.querySelectorAll('[data-until]')) {
    const left = (Date.parse(element.dataset.until) - serverNow()) / 1000;
    if (Number.isNaN(left)) {
      continue;
    }
    setText(element, clock(Math.ceil(left)));
    element.classList.toggle('soon', left < 60);
    const part = element.closest('[data-live]');
    if (left <= 0 && part && element.dataset.over === undefined) {
      element.dataset.over = '';
      renew(part);
    }
  }
}

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  if (!source) {
    return;
  }
  const text = 'value' in source ? source.value : source.textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
    button.classList.add('copied');
    setTimeout(() => button.classList.remove('copied'), 2000);
    setText(byId('announce'), button.dataset.copied ?? '');
  } catch {
    // Not allowed to: it is marked, and copied by hand.
    getSelection()?.selectAllChildren(source);
  }
}

const ACTS = {
  '[data-open]': (button) => openDialog(document.querySelector(button.dataset.open)),
  '[data-close]': (button) => closeDialog(button.closest('dialog')),
  '[data-copy]': copy,
  '[data-refresh]': (button) => renew(button.closest('[data-live]'), true),
};

function onClick(event) {
  for (const [selector, act] of Object.entries(ACTS)) {
    const button = event.target.closest?.(selector);
    if (button) {
      event.preventDefault();
      act(button);
      return;
    }
  }
}

function onKey(event) {
  // A dialog shown beside the page has no Escape of its own.
  const dialog = event.target.closest?.('dialog[data-modeless]');
  if (event.key === 'Escape' && dialog) {
    closeDialog(dialog);
  }
}

const submitButtons = (form) => form.querySelectorAll('button:not([type=button]), input[type=submit]');

/** Sent once: an impatient second click must not be a second act. */
function onSubmit(event) {
  const form = event.target;
  if (!form.matches('form[data-once]') || event.defaultPrevented) {
    return;
  }
  if (form.getAttribute('aria-busy') === 'true') {
    event.preventDefault();
    return;
  }
  form.setAttribute('aria-busy', 'true');
  // After the browser took the form's values: a disabled button's own would be missing.
  setTimeout(() => submitButtons(form).forEach((button) => (button.disabled = true)));
}

/** Back by the back button: the form can be sent again. */
function onPageShow() {
  for (const form of document.querySelectorAll('form[data-once][aria-busy=true]')) {
    form.removeAttribute('aria-busy');
    submitButtons(form).forEach((button) => (button.disabled = false));
  }
}

/** A code heard on the phone is typed as it comes: small letters, blanks and dashes are put right. */
function onInput({ target }) {
  if (!target.matches?.('.code-input')) {
    return;
  }
  const clean = target.value.replace(/[\s\-–.]/g, '').toUpperCase();
  if (clean !== target.value) {
    const from = target.selectionStart - (target.value.length - clean.length);
    target.value = clean;
    target.setSelectionRange(Math.max(0, from), Math.max(0, from));
  }
}

/** Starts all of them. */
export function beginPage() {
  document.addEventListener('click', onClick);
  document.addEventListener('keydown', onKey);
  document.addEventListener('submit', onSubmit);
  document.addEventListener('input', onInput);
  document.addEventListener('poterne-renewed', () => {
    showRelative();
    showUntil();
  });
  addEventListener('pageshow', onPageShow);
  showRelative();
  showUntil();
  setInterval(showUntil, 1000);
  setInterval(showRelative, 15_000);
}
