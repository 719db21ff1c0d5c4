// The files of a channel: those under way with how far they are, and the last that are over. Words come
// from `<template id="file-words" data-…>`: to-target, from-target, act-…, refused, and state-… {why}.

import { byId, bytes, fill, setText, show } from './shared.js';
import { visibleText } from './screen.js';

/** Characters of a path or of somebody's words. */
const MOST = 300;
/** Milliseconds between two announcements: a transfer of many files is not read out one by one. */
const PAUSE = 5000;
const words = byId('file-words')?.dataset ?? {};

/** `make-folder` as it stands in a data set: `MakeFolder`. */
const named = (word) =>
  word
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');

function did(file) {
  if (file.direction) {
    return (file.direction === 'to-target' ? words.toTarget : words.fromTarget) ?? '';
  }
  return words[file.did === 'refused' ? 'refused' : `act${named(file.did)}`] ?? file.did;
}

function result(file) {
  const fetched = file.state === 'done' && file.direction === 'from-target';
  const changed = file.state === 'done' && !file.direction;
  const key = fetched ? 'stateFetched' : changed ? 'stateChanged' : `state${named(file.state)}`;
  return fill(words[key] ?? file.state, { why: visibleText(file.why, MOST) });
}

const path = (file) => visibleText(file.to ? `${file.path} → ${file.to}` : file.path, MOST);
const isUnderWay = (file) => file.state === 'under-way' || file.state === 'held';

function amount(file) {
  if (!file.direction) {
    return '';
  }
  return file.size ? `${bytes(file.bytes)} / ${bytes(file.size)}` : bytes(file.bytes);
}

/** Shows the files of a channel in its list. What differs is changed, so that nothing flickers. */
export function showFiles(list, channel) {
  const template = byId('file');
  if (!list || !template) {
    return;
  }
  const files = channel.files ?? [];
  const known = new Map([...list.children].map((row) => [row.dataset.n, row]));
  for (const [place, file] of files.entries()) {
    const row = known.get(String(file.n)) ?? template.content.firstElementChild.cloneNode(true);
    known.delete(String(file.n));
    row.dataset.n = String(file.n);
    update(row, file);
    if (list.children[place] !== row) {
      list.insertBefore(row, list.children[place] ?? null);
    }
  }
  known.forEach((row) => row.remove());
  show(list, files.length > 0);
}

function update(row, file) {
  const slot = (name) => row.querySelector(`[data-slot="${name}"]`);
  row.dataset.state = file.state;
  setText(slot('arrow'), file.direction === 'to-target' ? '→' : file.direction === 'from-target' ? '←' : '·');
  setText(slot('did'), did(file));
  setText(slot('path'), path(file));
  setText(slot('amount'), amount(file));
  setText(slot('state'), result(file));
  const bar = row.querySelector('progress');
  show(bar, isUnderWay(file) && Boolean(file.size));
  if (bar && file.size) {
    bar.max = file.size;
    bar.value = Math.min(file.bytes, file.size);
  }
}

/** Says what is over, politely: the last, and how many besides, and nothing of what was over before. */
export class FilesSaid {
  #heard = new Set();
  #waiting = [];
  #timer = null;
  #first = true;

  /** Looks at a picture's channels. */
  look(channels) {
    const over = new Set();
    for (const channel of channels) {
      for (const file of channel.files ?? []) {
        const name = `${channel.number}/${file.n}`;
        if (isUnderWay(file)) {
          continue;
        }
        over.add(name);
        if (!this.#heard.has(name) && !this.#first) {
          this.#waiting.push(file);
        }
      }
    }
    this.#first = false;
    this.#heard = over;
    if (this.#waiting.length > 0 && this.#timer === null) {
      this.#timer = setTimeout(() => this.#say(), 500);
    }
  }

  #say() {
    const last = this.#waiting.at(-1);
    if (last) {
      const more = this.#waiting.length - 1;
      const text = `${did(last)}: ${path(last)}. ${result(last)}`;
      setText(byId('files-said'), more > 0 ? `${text}. ${fill(words.more, { count: more })}` : text);
    }
    this.#waiting = [];
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#waiting.length > 0) {
        this.#say();
      }
    }, PAUSE);
  }
}
