// Somebody really watches, or the session stands still (T22). The target takes supervision; one session
// serves all of these tests, since each approval takes a fresh code.
import { readFileSync, writeFileSync } from 'node:fs';
import { PlainBrowser } from './plain.js';
import { another, approve, expect, signIn, test, until } from './stage.js';

test.use({ about: 'presence' });
test.describe.configure({ mode: 'serial' });

/** What the configuration promises (`supervision.freeze-after`), in milliseconds. */
const FREEZES = 5000;
/** From the bastion through the technician's ssh to our eyes, which look every 50 ms on two busy cores. */
const TELLING = 300;

let alice;
let number;
let watch;
/** Signed in, one page each: claire and paul count, sophie (security) does not. */
const at = {};

const stateOf = (page) => page.locator('#watch-state');
const lives = (page) => expect(stateOf(page)).toContainText('direct');
const frozen = (page) => expect(stateOf(page)).toContainText('gelée');

/** Milliseconds until the technician reads that nobody watches any more. */
async function untilFrozen(what, since) {
  await alice.sees(/Gel.e : personne/, 10);
  const taken = Date.now() - since;
  console.log(`${what}: frozen, and the technician told, after ${taken} ms`);
  expect(taken).toBeLessThan(FREEZES + TELLING);
}

test.beforeAll(async ({ browser, site }) => {
  await site.hire('paul', 'Paul Lefevre', 'approver', 'radiologie');
  for (const login of ['claire', 'paul', 'sophie']) {
    at[login] = await (await browser.newContext()).newPage();
    await signIn(at[login], site, login);
  }
});

test('begins frozen, and watching lets it go', async ({ browser, site }) => {
  alice = site.technician('alice', 'scanner-irm');
  const code = await alice.asks('Derive du gradient');
  number = alice.number;
  // Without scripts: the form does not need them, and nobody is led on to the screen.
  const plain = await another(browser, at.claire, { javaScriptEnabled: false });
  await plain.goto(site.address(`/requests/${number}`));
  await approve(plain, site.people.claire, code);
  await alice.sees(/Gel.e : personne/);
  await plain.goto(site.address('/sessions'));
  const link = plain.locator('a[href$="/watch"]').first();
  watch = site.address(await link.getAttribute('href'));
  await plain.context().close();
  alice.type('echo trop-tot\r');
  await at.sophie.goto(watch);
  // Security sees it, and does not count.
  await frozen(at.sophie);
  await expect(stateOf(at.sophie)).toContainText('personne ne regarde');
  await expect(at.sophie.locator('#freeze')).toHaveCount(0);
  await at.claire.goto(watch);
  await alice.sees('Reprise');
  await lives(at.claire);
  await lives(at.sophie);
  alice.type('echo main$((40+2))tenant\r');
  await expect(at.claire.locator('#screen')).toContainText('main42tenant');
  expect(await at.claire.locator('#screen').textContent()).not.toContain('trop-tot');
});

test('the tab is closed: frozen, both sides told, and it goes on when somebody is back', async ({ site }) => {
  const context = at.claire.context();
  const since = Date.now();
  await at.claire.close();
  await untilFrozen('tab closed', since);
  await frozen(at.sophie);
  await expect(stateOf(at.sophie)).toContainText('personne ne regarde');
  at.claire = await context.newPage();
  await at.claire.goto(watch);
  await lives(at.claire);
  await alice.sees('Reprise');
  await lives(at.sophie);
  const page = await context.newPage();
  await page.goto(site.address(`/interventions/${number}`));
  // The bar itself, not its legend.
  const bar = page.locator('svg.presence[role=img]');
  await expect(bar.locator('.unwatched').first()).toBeAttached();
  await expect(bar.locator('.frozen').first()).toBeAttached();
  await page.close();
});

test('another tab in front: frozen, and told on the way back', async () => {
  const plain = await PlainBrowser.start();
  try {
    await plain.context.addCookies(await at.claire.context().cookies());
    const page = await plain.context.newPage();
    await page.goto(watch);
    await lives(page);
    // Handed over to the other browser of the same person.
    await at.claire.goto('about:blank');
    const other = await plain.context.newPage();
    const since = Date.now();
    await other.bringToFront();
    await expect.poll(() => page.evaluate(() => document.visibilityState)).toBe('hidden');
    await untilFrozen('tab hidden', since);
    await frozen(at.sophie);
    await page.bringToFront();
    await alice.sees('Reprise');
    await lives(page);
    await expect(page.locator('#said')).toContainText('cachée');
    await at.claire.goto(watch);
    await lives(at.claire);
  } finally {
    await plain.stop();
  }
});

test('the network is lost: frozen, the page says so and comes back by itself', async () => {
  const context = at.claire.context();
  const since = Date.now();
  await context.setOffline(true);
  await untilFrozen('network lost', since);
  await expect(stateOf(at.claire)).not.toContainText('direct');
  await expect(stateOf(at.claire)).toContainText(/perdue|ne bouge plus/);
  await context.setOffline(false);
  await alice.sees('Reprise', 40);
  await lives(at.claire);
  await expect(at.claire.locator('#offline')).toBeHidden();
});

test('handed over to a colleague without a gap', async () => {
  await at.paul.goto(watch);
  await lives(at.paul);
  await expect(at.paul.locator('#watch-watchers')).toContainText(/claire.*paul/i);
  await expect(at.claire.locator('#watch-watchers')).toContainText(/claire.*paul/i);
  await at.paul.evaluate(() => {
    globalThis.states = [];
    const note = () => globalThis.states.push(document.getElementById('watch').dataset.state);
    new MutationObserver(note).observe(document.getElementById('watch'), { attributes: true });
  });
  const before = alice.screen.length;
  await at.claire.goto('about:blank');
  await expect(at.paul.locator('#watch-watchers')).not.toContainText('Claire');
  // Longer than an unwatched session is let be: what does not happen cannot be waited for.
  await at.paul.waitForTimeout(FREEZES + 2000);
  expect(await at.paul.evaluate(() => globalThis.states)).not.toContain('frozen');
  expect(alice.screen.slice(before)).not.toMatch(/Gel/);
  alice.type('echo relais$((1+1))\r');
  await expect(at.paul.locator('#screen')).toContainText('relais2');
  await at.claire.goto(watch);
  await lives(at.claire);
});

test('frozen by a colleague: let go with one’s own code alone, by keyboard', async ({ site }) => {
  await at.paul.keyboard.press('F8');
  await alice.sees(/Gel.e par/);
  await frozen(at.paul);
  await frozen(at.claire);
  await expect(stateOf(at.claire)).toContainText('Paul');
  await expect(at.claire.locator('#resume-own')).toBeHidden();
  const resume = at.claire.locator('#resume-other');
  await expect(resume).toBeEnabled();
  const press = async (code) => {
    await at.claire.keyboard.type(code);
    await at.claire.keyboard.press('Enter');
  };
  await resume.focus();
  await at.claire.keyboard.press('Enter');
  await expect(at.claire.locator('#resume-otp')).toBeFocused();
  await press('000000');
  await expect(at.claire.locator('#resume-dialog .error')).not.toBeEmpty();
  await frozen(at.claire);
  await press(await site.people.claire.code());
  await alice.sees('Reprise');
  await lives(at.claire);
  await lives(at.paul);
});

test('a challenge that is answered wrongly, or not at all, freezes', async ({ site }) => {
  const config = readFileSync(site.facts.config, 'utf8');
  writeFileSync(site.facts.config, config.replace('[recordings]', '[supervision]\nchallenge = "10s"\n\n[recordings]'));
  await site.asOperator('$POTERNE reload');
  await at.paul.goto('about:blank');
  await at.claire.goto(watch);
  await lives(at.claire);
  const challenge = at.claire.locator('#challenge');
  const answer = async (text) => {
    await at.claire.fill('#challenge-answer', text);
    await at.claire.keyboard.press('Enter');
  };
  await expect(challenge).toBeVisible({ timeout: 20_000 });
  const since = Date.now();
  await answer('???');
  await untilFrozen('challenge answered wrongly', since);
  await frozen(at.claire);
  await expect(challenge).toBeVisible();
  await answer(await at.claire.locator('#challenge-text').textContent());
  await alice.sees('Reprise');
  await lives(at.claire);
  await expect(challenge).toBeVisible({ timeout: 20_000 });
  const asked = Date.now();
  // A minute is given, and the time of an unwatched session after it.
  await alice.sees(/Gel.e : personne/, 70);
  console.log(`challenge not answered: frozen after ${Date.now() - asked} ms`);
  await frozen(at.claire);
  await expect(challenge).toBeVisible();
  await answer(await at.claire.locator('#challenge-text').textContent());
  await alice.sees('Reprise');
  await lives(at.claire);
});

test('cut by keyboard alone, and every page says so', async () => {
  await at.claire.keyboard.press('F9');
  await expect(at.claire.locator('#cut-reason')).toBeFocused();
  await at.claire.keyboard.type('Fini pour ce soir');
  await at.claire.keyboard.press('Enter');
  await alice.sees('Fini pour ce soir');
  for (const page of [at.claire, at.sophie]) {
    await expect(page.locator('#ended')).toBeVisible();
    await expect(page.locator('#ended')).toContainText('Fini pour ce soir');
  }
  await until('end of ssh', async () => (await Promise.race([alice.ended, 'still'])) !== 'still');
});
