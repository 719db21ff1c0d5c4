// Requests, decided by people who make mistakes, press twice, and are two at the same moment.
import { another, approve, expect, guarded, signIn, test, until } from './stage.js';

test.use({ about: 'requests' });
test.describe.configure({ mode: 'serial' });

/** One page each, signed in; both decide for the target. */
const at = {};
/** All that the bastion ever told these browsers: pages, data and events. */
const told = [];
/** Codes that were to be read out. */
const codes = [];
const breaches = [];

async function openRequest(page, site, technician) {
  await page.goto(site.address(`/requests/${technician.number}`));
  await expect(page.locator('h1')).toContainText(technician.number);
  // A page that is loaded anew loses this.
  await page.evaluate(() => (globalThis.sameDocument = true));
}

const sameDocument = (page) => page.evaluate(() => globalThis.sameDocument === true);

async function asks(technician, reason) {
  const code = await technician.asks(reason);
  codes.push(code);
  return code;
}

const wrong = (code) => (code === 'AAAA' ? 'BBBB' : 'AAAA');

/** Overhears notifications, sounds and events before any script of the page runs. */
function overhear() {
  globalThis.notified = [];
  globalThis.sounds = 0;
  const RealNotification = globalThis.Notification;
  globalThis.Notification = class extends RealNotification {
    constructor(title, options) {
      super(title, options);
      globalThis.notified.push({ title, ...options });
    }
  };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function counted(...when) {
    globalThis.sounds += 1;
    return start.apply(this, when);
  };
  const RealSource = globalThis.EventSource;
  globalThis.EventSource = class extends RealSource {
    addEventListener(name, handler) {
      super.addEventListener(name, (event) => {
        globalThis.overheard?.(String(event.data));
        handler(event);
      });
    }
  };
}

test.beforeAll(async ({ browser, site }) => {
  await site.hire('paul', 'Paul Lefevre', 'approver', 'radiologie');
  for (const login of ['claire', 'paul']) {
    const context = await browser.newContext({ permissions: ['notifications'] });
    // Refusals are answered with 403 and 422, which the console of the browser calls errors; and a
    // session may be over before its stream is asked for.
    breaches.push(await guarded(context, /Failed to load resource.*(403|422|404 .*\/stream)/));
    await context.exposeFunction('overheard', (text) => told.push(text));
    await context.addInitScript(overhear);
    context.on('response', async (response) => {
      const streaming = response.headers()['content-type']?.includes('event-stream');
      told.push(streaming ? '' : await response.text().catch(() => ''));
    });
    at[login] = await context.newPage();
    await signIn(at[login], site, login);
  }
});

test.afterAll(() => {
  expect(told.length).toBeGreaterThan(20);
  for (const code of codes) {
    // As a word: four letters may stand in any name of a file.
    const word = new RegExp(`(?<![A-Za-z0-9_-])${code}(?![A-Za-z0-9_-])`);
    expect(told.filter((text) => word.test(text))).toEqual([]);
  }
  expect(breaches.flat()).toEqual([]);
});

test('three wrong codes: refused, and everybody reads why', async ({ site }) => {
  const alice = site.technician('alice', 'serveur-pacs');
  const code = await asks(alice, 'Images manquantes');
  await openRequest(at.claire, site, alice);
  await openRequest(at.paul, site, alice);
  await approve(at.claire, site.people.claire, wrong(code));
  await expect(at.claire.locator('#said')).toContainText('il reste 2 essais');
  // What was chosen is still there, but no code.
  await expect(at.claire.locator('input[value=called]')).toBeChecked();
  await expect(at.claire.locator('#code')).toHaveValue('');
  await expect(at.claire.locator('#otp')).toHaveValue('');
  await approve(at.claire, site.people.claire, wrong(code));
  await expect(at.claire.locator('#said')).toContainText('il reste 1 essai.');
  await approve(at.claire, site.people.claire, wrong(code));
  await expect(at.claire.locator('#said')).toContainText('pour la troisième fois : la demande est refusée');
  await expect(at.claire.locator('.decide')).toHaveCount(0);
  await alice.sees('trois codes faux');
  // The colleague's page says so at once, by itself.
  await expect(at.paul.locator('#status')).toContainText('refusée');
  await expect(at.paul.locator('#status')).toContainText('trois codes faux');
  expect(await sameDocument(at.paul)).toBe(true);
});

test('a new one is announced, and one that is withdrawn says so', async ({ site }) => {
  for (const page of [at.claire, at.paul]) {
    await page.goto(site.address('/requests'));
    await page.evaluate(() => (globalThis.sameDocument = true));
  }
  // A computer that is to be quiet.
  const mute = at.paul.locator('[data-mute]');
  await mute.click();
  await expect(mute).toHaveAttribute('aria-pressed', 'true');
  // A page sounds after somebody touched it.
  await at.claire.locator('h1').click();
  const alice = site.technician('alice', 'serveur-pacs');
  await asks(alice, 'Images encore manquantes');
  await expect(at.claire).toHaveTitle(/^\(1\) /);
  await expect(at.claire.locator('.count[data-count=waiting]')).toHaveText('1');
  await expect(at.claire.locator('link[rel~=icon]')).toHaveAttribute('href', /icon-waiting/);
  await expect(at.claire.locator('#announce')).toContainText('Alice Martin');
  const notified = await until('notification', () => at.claire.evaluate(() => globalThis.notified[0]));
  expect(notified.title).toBe('Nouvelle demande');
  expect(notified.body).toContain('Alice Martin');
  await until('sound', () => at.claire.evaluate(() => globalThis.sounds === 2));
  expect(await at.paul.evaluate(() => globalThis.sounds)).toBe(0);
  expect(await sameDocument(at.claire)).toBe(true);
  await openRequest(at.claire, site, alice);
  await at.claire.fill('#code', 'AB');
  alice.type('\x03');
  await expect(at.claire.locator('#status')).toContainText('retirée');
  await expect(at.claire).not.toHaveTitle(/^\(/);
  expect(await sameDocument(at.claire)).toBe(true);
  await expect(at.paul.locator('.empty')).toBeVisible();
  await expect(at.paul.locator('.count[data-count=waiting]')).toBeHidden();
  expect(await sameDocument(at.paul)).toBe(true);
  // It is kept on this computer; and back.
  await at.paul.reload();
  await expect(mute).toHaveAttribute('aria-pressed', 'true');
  await mute.click();
  await expect(mute).toHaveAttribute('aria-pressed', 'false');
});

test('two approvers at the same moment: one decision', async ({ browser, site }) => {
  const alice = site.technician('alice', 'serveur-pacs');
  const code = await asks(alice, 'Images toujours manquantes');
  for (const page of [at.claire, at.paul]) {
    await openRequest(page, site, alice);
    await page.check('input[value=called]');
    await page.fill('#code', code);
  }
  await at.claire.fill('#otp', await site.people.claire.code());
  await at.paul.fill('#otp', await site.people.paul.code());
  const answers = [at.claire, at.paul].map((page) => page.waitForResponse((response) => response.request().method() === 'POST' && response.url().endsWith('/approve')));
  await Promise.all([at.claire, at.paul].map((page) => page.locator('.decide button.primary').click({ noWaitAfter: true })));
  const [yes, no] = (await Promise.all(answers)).sort((one, other) => one.status() - other.status());
  expect(yes.status()).toBe(303);
  expect(no.status()).toBeGreaterThanOrEqual(400);
  await alice.sees(/ACCORD/);
  const [winner, loser] = yes.frame().page() === at.claire ? [at.claire, at.paul] : [at.paul, at.claire];
  await expect(loser.locator('#said')).toContainText('Trop tard');
  await winner.waitForURL(/\/sessions\/[^/]+\/watch/);
  // Back by the button: nothing to decide there any more, and the same form once more does nothing.
  const again = await another(browser, winner);
  await again.goto(site.address(`/requests/${alice.number}`));
  const csrf = await again.locator('input[name=csrf]').first().inputValue();
  const otp = await site.people[winner === at.claire ? 'claire' : 'paul'].code();
  const status = await again.evaluate(
    async ([path, fields]) => (await fetch(path, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields) })).status,
    [`/requests/${alice.number}/approve`, { csrf, code, otp, verified: 'called' }],
  );
  expect(status).toBe(422);
  await again.goto(site.address(`/requests/${alice.number}`));
  await expect(again.locator('section[aria-labelledby=approvals] li')).toHaveCount(1);
  await again.context().close();
  await winner.goBack();
  await expect(winner.locator('.decide')).toHaveCount(0);
  alice.type('exit\r');
  await alice.ended;
});

test('fewer rights and less time are what opens', async ({ site }) => {
  const bruno = site.technician('bruno', 'serveur-pacs');
  const code = await asks(bruno, 'Relevé de compteurs');
  await openRequest(at.paul, site, bruno);
  await at.paul.click('.decide details:not(.refuse) summary');
  await at.paul.selectOption('#minutes', '15');
  await at.paul.uncheck('input[name=rights][value=shell]');
  await at.paul.check('input[value=called]');
  await at.paul.fill('#code', code);
  await at.paul.fill('#otp', await site.people.paul.code());
  // An impatient hand.
  await at.paul.dblclick('.decide button.primary');
  // With the day before it, if that is tomorrow.
  const [, closes] = await bruno.sees(/ACCORD\S* jusqu.\S* (?:\S+ \S+ )?(\d\d:\d\d)/);
  await bruno.sees(/ne comprend pas ce droit/);
  const paris = (at) => new Intl.DateTimeFormat('fr-FR', { timeZone: 'Europe/Paris', hour: '2-digit', minute: '2-digit' }).format(at);
  const quarter = Date.now() + 15 * 60_000;
  expect([paris(quarter - 60_000), paris(quarter), paris(quarter + 60_000)]).toContain(closes);
  // One right was left, and no shell is of it: the client has nothing to do and leaves.
  await bruno.ended;
});

test('a form of another browser is refused; a refusal’s reason is read', async ({ site }) => {
  const bruno = site.technician('bruno', 'serveur-pacs');
  await asks(bruno, 'Relevé de compteurs, encore');
  await openRequest(at.paul, site, bruno);
  await openRequest(at.claire, site, bruno);
  const foreign = await at.paul.locator('form[action$="/refuse"] input[name=csrf]').inputValue();
  const open = async () => {
    await at.claire.click('details.refuse summary');
    await at.claire.fill('#reason', 'Non : <b>appelez</b> d’abord le « service »');
  };
  for (const token of [foreign, '']) {
    await open();
    await at.claire.locator('form[action$="/refuse"] input[name=csrf]').evaluate((field, value) => (field.value = value), token);
    await at.claire.click('details.refuse button.danger');
    await expect(at.claire.locator('main')).toContainText('Rien n\'a été fait');
    await openRequest(at.claire, site, bruno);
  }
  await expect(at.paul.locator('.decide')).toBeVisible();
  await open();
  await at.claire.click('details.refuse button.danger');
  await bruno.sees('REFUS');
  await bruno.sees('<b>appelez</b>');
  await expect(at.paul.locator('#status')).toContainText('<b>appelez</b> d’abord');
  expect(await sameDocument(at.paul)).toBe(true);
});

test('both languages, by a button', async ({ site }) => {
  await at.claire.goto(site.address('/requests'));
  await at.claire.click('button[name=language][value=en]');
  await expect(at.claire.locator('h1')).toHaveText('Requests');
  await expect(at.claire.locator('html')).toHaveAttribute('lang', 'en');
  await expect(at.claire).toHaveURL(site.address('/requests'));
  await at.claire.click('button[name=language][value=fr]');
  await expect(at.claire.locator('h1')).toHaveText('Demandes');
});

test('signed out everywhere: the other browser too', async ({ browser, site }) => {
  const other = await another(browser, at.paul);
  await other.goto(site.address('/requests'));
  await at.paul.goto(site.address('/requests'));
  await at.paul.click('form:has(input[name=everywhere]) button');
  await expect(at.paul).toHaveURL(/sign-in/);
  await expect(at.paul.locator('main')).toContainText('Vous êtes déconnecté');
  // By itself, the next time it is looked whether the sign-in still holds.
  await other.waitForURL(/sign-in/, { timeout: 15_000 });
  await other.goto(site.address('/requests'));
  await expect(other).toHaveURL(/sign-in/);
  await other.context().close();
  // Nobody else's.
  await at.claire.reload();
  await expect(at.claire.locator('h1')).toHaveText('Demandes');
});

test('three wrong tries at the sign-in lock, and the text says so beforehand', async ({ browser, site }) => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.address('/sign-in'));
  const { henri } = site.people;
  const tryWith = async (code) => {
    await page.fill('#login', 'henri');
    await page.fill('#password', henri.password);
    await page.fill('#otp', code);
    await page.click('main button.primary');
    await expect(page.locator('#said')).toContainText('Après trois essais le compte est bloqué une minute');
    await expect(page.locator('#password')).toHaveValue('');
  };
  const right = await henri.code();
  const untrue = right === '111111' ? '222222' : '111111';
  for (let n = 0; n < 3; n += 1) {
    await tryWith(untrue);
  }
  // Locked: the right one is refused too, in the same words.
  await tryWith(right);
  await page.context().close();
});
