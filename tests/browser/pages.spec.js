// Every page, for every role, in both languages, light and dark, on a desk and on a phone. A new page is
// one more line in PAGES. `SHOTS=1` keeps pictures in target/browser/screenshots.
import AxeBuilder from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { expect, letIn, overflow, signIn, test } from './stage.js';

test.use({ about: 'pages' });
test.describe.configure({ mode: 'serial' });

/** Name, who looks (`null`: nobody is signed in), and where. `{…}` comes from `places`. */
const PAGES = [
  ['sign-in', null, '/sign-in'],
  ['sign-in-again', null, '/requests'],
  ['requests', 'claire', '/requests'],
  ['request', 'claire', '/requests/{waiting}'],
  ['request-handled', 'claire', '/requests/{refused}'],
  ['request-of-others', 'nadia', '/requests/{waiting}'],
  ['requests-none', 'henri', '/requests'],
  ['sessions', 'claire', '/sessions'],
  ['watch', 'claire', '{watch}'],
  ['watch-not-counting', 'sophie', '{watch}'],
  ['home-approver', 'claire', '/'],
  ['home-operator', 'nadia', '/'],
  ['home-security', 'sophie', '/'],
  ['not-found', 'claire', '/requests/999'],
  ['not-allowed', 'nadia', '{watch}'],
  ['register', 'sophie', '/register'],
  ['register-approver', 'claire', '/register'],
  ['intervention', 'sophie', '/interventions/{open}'],
  ['intervention-refused', 'sophie', '/interventions/{refused}'],
  ['replay', 'sophie', '/sessions/{session}/replay'],
  ['plan', 'claire', '/plan'],
  ['plan-emergency', 'claire', '/plan/emergency'],
  ['extend', 'claire', '/sessions/{session}/extend'],
  ['reviews', 'sophie', '/reviews'],
  ['explain', 'nadia', '/explain'],
  ['people', 'nadia', '/people'],
  ['technician', 'nadia', '/people/technicians/alice'],
  ['technician-invite', 'nadia', '/people/invite'],
  ['staff', 'nadia', '/people/staff'],
  ['staff-member', 'nadia', '/people/staff/claire'],
  ['staff-invite', 'nadia', '/people/staff/invite'],
  ['site', 'nadia', '/site'],
  ['health', 'nadia', '/health'],
  ['tokens', 'sophie', '/tokens'],
  ['lockdown', 'sophie', '/lockdown'],
  ['alerts', 'sophie', '/alerts'],
  ['alerts-approver', 'claire', '/alerts'],
  ['enrol', null, '/enrol'],
];

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const SHOTS = new URL('../../target/browser/screenshots/', import.meta.url).pathname;

const places = {};
/** Who is signed in, as cookies for further browsers. */
const states = { null: undefined };
let watcher;

const address = (site, path) => {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => places[name]);
  return filled.startsWith('http') ? filled : site.address(filled);
};

/** Pages that must not be there, or not for these eyes. */
const REFUSED = { 'not-found': 404, 'not-allowed': 403 };

async function goes(page, site, [name, , path]) {
  const answer = await page.goto(address(site, path));
  expect(answer.status(), name).toBe(REFUSED[name] ?? 200);
  await settled(page);
}

/** What comes by itself has come: fonts, and the first picture of a screen. */
async function settled(page) {
  if (await page.locator('#watch').count()) {
    await expect(page.locator('#watch-state')).not.toHaveAttribute('data-state', 'connecting');
  }
  await page.evaluate(() => document.fonts.ready);
}

test.beforeAll(async ({ browser, site }) => {
  for (const login of ['claire', 'henri', 'nadia', 'sophie']) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await signIn(page, site, login);
    states[login] = await context.storageState();
    if (login === 'claire') {
      watcher = page;
    } else {
      await context.close();
    }
  }
  const bruno = site.technician('bruno', 'serveur-pacs');
  await bruno.asks('Remplacement d’un disque');
  await watcher.goto(site.address(`/requests/${bruno.number}`));
  await watcher.click('details.refuse summary');
  await watcher.fill('#reason', 'Le service est en garde : rappelez demain.');
  await watcher.click('details.refuse button.danger');
  await bruno.sees('REFUS');
  places.refused = bruno.number;
  const alice = site.technician('alice', 'scanner-irm');
  await letIn(watcher, site, alice, site.people.claire, 'Bruit dans l’image après la mise à jour');
  [places.open, places.watch] = [alice.number, watcher.url()];
  [, places.session] = places.watch.match(/sessions\/([^/]+)/);
  await alice.sees(/[$#] /);
  alice.type('uname -sr; date; ls --color=always /\r');
});

/** A request waits for ten minutes; all of this may take longer. */
const RENEW = 5 * 60_000;

let waiting;
let since;

test.beforeEach(async ({ site }) => {
  if (waiting && Date.now() - since < RENEW) {
    return;
  }
  if (waiting) {
    waiting.type('\x03');
    await waiting.ended;
  }
  waiting = site.technician('bruno', 'serveur-pacs');
  await waiting.asks('Remplacement d’un disque, comme convenu avec M. Girard');
  since = Date.now();
  places.waiting = waiting.number;
});

for (const language of ['fr', 'en']) {
  for (const scheme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      // Two opposite corners are looked at in each run; LONG=1 looks at all eight (8 minutes).
      if (!process.env.LONG && !process.env.SHOTS && !['fr-light-desk', 'en-dark-phone'].includes(`${language}-${scheme}-${size}`)) {
        continue;
      }
      test(`nothing for axe to find: ${language}, ${scheme}, ${size}`, async ({ browser, site }) => {
        const found = [];
        for (const login of ['null', 'claire', 'henri', 'nadia', 'sophie']) {
          const context = await browser.newContext({ storageState: states[login], colorScheme: scheme, viewport, reducedMotion: 'reduce' });
          await context.addCookies([{ name: '__Host-poterne-language', value: language, url: site.address('/'), secure: true }]);
          const page = await context.newPage();
          for (const row of PAGES.filter(([, who]) => String(who) === login)) {
            const [name] = row;
            await goes(page, site, row);
            await expect(page.locator('html')).toHaveAttribute('lang', language);
            const by = await overflow(page);
            found.push(...(by > 0 ? [`${name} is ${by} pixels wider than its window`] : []));
            const { violations } = await new AxeBuilder({ page }).analyze();
            found.push(...violations.map((one) => `${name}: ${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary ?? ''}`).join(' | ')}`));
            if (process.env.SHOTS) {
              mkdirSync(SHOTS, { recursive: true });
              await page.screenshot({ path: `${SHOTS}${name}-${language}-${scheme}-${size}.png`, fullPage: true });
            }
          }
          await context.close();
        }
        expect(found).toEqual([]);
      });
    }
  }
}

test('no page is wider than a small phone, or a desk at 200 %', async ({ browser, site }) => {
  const wide = [];
  // 200 % of a window of 1280 by 800 is one of 640 by 400 with twice the pixels.
  for (const [what, options] of [['320', { viewport: { width: 320, height: 640 } }], ['200 %', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }]]) {
    for (const login of ['null', 'claire', 'henri', 'nadia', 'sophie']) {
      const context = await browser.newContext({ ...options, storageState: states[login] });
      const page = await context.newPage();
      for (const row of PAGES.filter(([, who]) => String(who) === login)) {
        await goes(page, site, row);
        const by = await overflow(page);
        wide.push(...(by > 0 ? [`${row[0]} at ${what}: ${by} pixels`] : []));
      }
      await context.close();
    }
  }
  expect(wide).toEqual([]);
});

test('what a page is for is in sight at once', async ({ browser, site }) => {
  const context = await browser.newContext({ storageState: states.claire, viewport: SIZES.desk });
  const page = await context.newPage();
  await page.goto(site.address('/requests'));
  await expect(page.locator('.card a.button')).toBeInViewport({ ratio: 1 });
  await page.goto(site.address(`/requests/${places.waiting}`));
  await expect(page.locator('.decide button.primary')).toBeInViewport({ ratio: 1 });
  await expect(page.locator('.phone')).toBeInViewport({ ratio: 1 });
  await expect(page.locator('.reason')).toBeInViewport({ ratio: 1 });
  await page.goto(places.watch);
  for (const id of ['#freeze', '#cut']) {
    await expect(page.locator(id)).toBeInViewport({ ratio: 1 });
  }
  await context.close();
});

test('approved with the keyboard alone', async ({ browser, site }) => {
  const context = await browser.newContext({ storageState: states.claire });
  const page = await context.newPage();
  await page.goto(site.address('/requests'));
  /** Tab by Tab to what this selects; each stop is one that is seen. */
  const tabTo = async (selector) => {
    for (let n = 0; n < 60; n += 1) {
      await page.keyboard.press('Tab');
      const [there, seen] = await page.evaluate((wanted) => {
        const one = document.activeElement;
        const style = getComputedStyle(one);
        const label = one.closest('label');
        const marked = [one, label].some((each) => each && (getComputedStyle(each).outlineStyle !== 'none' || getComputedStyle(each).boxShadow !== 'none'));
        return [one.matches(wanted), marked && style.visibility !== 'hidden'];
      }, selector);
      expect(seen, 'the focus is seen').toBe(true);
      if (there) {
        return;
      }
    }
    throw new Error(`no way to ${selector} with Tab`);
  };
  // The first stop leads past the navigation.
  await page.keyboard.press('Tab');
  await expect(page.locator('a.skip')).toBeFocused();
  await page.keyboard.press('Enter');
  await tabTo('.card a.button');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/requests\/\d+$/);
  await tabTo('input[name=verified]');
  await page.keyboard.press('Space');
  await tabTo('#code');
  await page.keyboard.type('AAAA');
  await tabTo('#otp');
  await page.keyboard.type(await site.people.claire.code());
  await page.keyboard.press('Enter');
  // A slip: it is said, and the way is gone once more.
  await expect(page.locator('#said')).toBeVisible();
  await tabTo('#code');
  await page.keyboard.type(waiting.readOut.toLowerCase());
  await tabTo('#otp');
  await page.keyboard.type(await site.people.claire.code());
  await tabTo('.decide button.primary');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/sessions\/[^/]+\/watch/);
  await waiting.sees(/ACCORD/);
  await tabTo('#freeze');
  await page.keyboard.press('Enter');
  await expect(page.locator('#watch-state')).toContainText('gelée');
  await context.close();
});
