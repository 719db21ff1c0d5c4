// The strip of channels beside the picture: all of them, so that nothing goes on out of sight (T20).
// One row is a clone of `<template id="channel">` with `[data-slot]` what, in, out, quiet and a button.

import { byId, clock, language, setText, show } from './shared.js';
import { visibleText } from './screen.js';

/** Characters of a channel's command. */
const MOST_OF_NAME = 300;
const STEPS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];

/** Bytes in the page's language. */
export function bytes(count) {
  let [amount, step] = [count, 0];
  while (amount >= 1000 && step < STEPS.length - 1) {
    amount /= 1000;
    step += 1;
  }
  const style = { style: 'unit', unit: STEPS[step], unitDisplay: 'short', maximumFractionDigits: step > 0 && amount < 10 ? 1 : 0 };
  return new Intl.NumberFormat(language, style).format(amount);
}

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
  setText(slot('what'), visibleText(channel.what, MOST_OF_NAME));
  setText(slot('in'), bytes(channel.bytes_in));
  setText(slot('out'), bytes(channel.bytes_out));
  setText(slot('quiet'), clock(channel.quiet));
  show(slot('shown'), shown);
  show(slot('ended'), channel.ended);
  row.classList.toggle('over', channel.ended);
  const button = row.querySelector('button');
  if (button) {
    button.setAttribute('aria-pressed', String(shown));
  }
}
