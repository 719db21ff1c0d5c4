// The strip of channels beside the picture: all of them, so that nothing goes on out of sight (T20).
// One row is a clone of `<template id="channel">` with `[data-slot]` what, in, out, quiet, unseen, files and
// a button. Its words for kinds of channels are `<template id="words" data-kind-…>`.

import { byId, bytes, clock, fill, setText, show } from './shared.js';
import { showFiles } from './files.js';
import { visibleText } from './screen.js';

/** Characters of a channel's command. */
const MOST_OF_NAME = 300;
const words = byId('words')?.dataset ?? {};

/** Shows the channels of a picture; `choose(number)` is called for a press on one. Keeps the focus. */
export function showChannels(list, picture, choose) {
  const template = byId('channel');
  if (!list || !template) {
    return;
  }
  const known = new Map([...list.children].map((row) => [Number(row.dataset.number), row]));
  for (const channel of picture.channels) {
    const row = known.get(channel.number) ?? add(list, template, channel.number, choose);
    known.delete(channel.number);
    update(row, channel, channel.number === picture.shown);
  }
  known.forEach((row) => row.remove());
}

/** What a channel carries, in the page's words. */
function what(channel) {
  const kind = channel.kind ?? '';
  const word = words[`kind${kind.charAt(0).toUpperCase()}${kind.slice(1)}`];
  if (!word) {
    return channel.what;
  }
  return channel.detail ? `${word}${words.colon} ${channel.detail}` : word;
}

function add(list, template, number, choose) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.dataset.number = String(number);
  row.querySelector('button')?.addEventListener('click', () => choose(number));
  list.append(row);
  return row;
}

function update(row, channel, shown) {
  const slot = (name) => row.querySelector(`[data-slot="${name}"]`);
  setText(slot('number'), String(channel.number));
  setText(slot('what'), visibleText(what(channel), MOST_OF_NAME));
  setText(slot('in'), bytes(channel.bytes_in));
  setText(slot('out'), bytes(channel.bytes_out));
  setText(slot('quiet'), clock(channel.quiet));
  show(slot('shown'), shown);
  show(slot('ended'), channel.ended);
  show(slot('unseen'), channel.kind === 'forward');
  showFiles(row.querySelector('[data-slot="files"]'), channel);
  const more = channel.more_files ?? 0;
  show(slot('more'), more > 0);
  setText(slot('more'), fill(words.moreFiles, { count: more }));
  row.classList.toggle('over', channel.ended);
  const button = row.querySelector('button');
  if (button) {
    button.setAttribute('aria-pressed', String(shown));
  }
}
