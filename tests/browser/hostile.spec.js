// What technicians and targets write is shown, and does nothing: no script, no link, no title, no layout
// of theirs, and the brakes answer whatever is drawn (T20).
import { another, approve, expect, guarded, overflow, signIn, test } from './stage.js';

test.use({ about: 'hostile' });
test.describe.configure({ mode: 'serial' });

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&amp;{{7*7}}\${7*7} \u202Egnp.exe\u2066 javascript:alert(3)`;
/** Without a blank: nothing to break a line at. */
const ENDLESS = 'W'.repeat(1900);
/** Brakes answer within this, in milliseconds, whatever the screen does. */
const BRAKES = 1000;

let page;
let alice;
let watch;
let breaches;

/** Nothing of theirs became anything of ours. */
async function inert(one = page) {
  expect(breaches).toEqual([]);
  // Ours are files; an image could only be theirs.
  expect(await one.locator('script:not([src]), img, iframe, object, embed, [onerror], [onclick], a[href^="javascript:"], a[href*="evil.example"]').count()).toBe(0);
  expect(await overflow(one)).toBe(0);
}

test.beforeAll(async ({ browser, site }) => {
  const context = await browser.newContext();
  breaches = await guarded(context);
  page = await context.newPage();
  await signIn(page, site, 'claire');
});

test('reasons and tickets', async ({ browser, site }) => {
  const bruno = site.technician('bruno', 'serveur-pacs');
  // What a terminal takes as keys is left out: the lobby reads keys, not texts.
  await bruno.asks(HOSTILE, '<b>T</b>"\'&');
  alice = site.technician('alice', 'serveur-pacs');
  const code = await alice.asks(ENDLESS, 'T'.repeat(60));
  await page.goto(site.address('/requests'));
  await expect(page.locator('.card')).toHaveCount(2);
  await inert();
  await page.goto(site.address(`/requests/${bruno.number}`));
  const reason = page.locator('.reason');
  await expect(reason).toContainText('<script>alert(1)</script>');
  await expect(reason).toContainText('{{7*7}}${7*7}');
  // A mark that turns the reading around is seen as what it is.
  expect(await reason.textContent()).not.toMatch(/[\u202A-\u202E\u2066-\u2069]/);
  expect(await page.title()).not.toMatch(/[\u202A-\u202E\u2066-\u2069<]/);
  await inert();
  await page.goto(site.address(`/requests/${alice.number}`));
  await inert();
  const phone = await another(browser, page, { viewport: { width: 390, height: 844 } });
  for (const path of ['/requests', `/requests/${bruno.number}`, `/requests/${alice.number}`]) {
    await phone.goto(site.address(path));
    expect(await overflow(phone), path).toBe(0);
  }
  // A refusal's reason is shown to the technician, and on the page.
  await page.goto(site.address(`/requests/${bruno.number}`));
  await page.click('details.refuse summary');
  await page.fill('#reason', HOSTILE);
  await page.click('details.refuse button.danger');
  await bruno.sees('REFUS');
  await expect(page.locator('#status')).toContainText('<script>alert(1)</script>');
  await inert();
  await page.goto(site.address(`/requests/${alice.number}`));
  await approve(page, site.people.claire, code);
  await page.waitForURL(/\/sessions\/[^/]+\/watch/);
  watch = page.url();
  await alice.sees(/ACCORD/);
  await expect(page.locator('#watch-state')).toContainText('direct');
  await inert();
  await phone.goto(watch);
  await expect(phone.locator('#watch-state')).toContainText('direct');
  expect(await overflow(phone), 'watch').toBe(0);
  await phone.goto(site.address('/sessions'));
  expect(await overflow(phone), 'sessions').toBe(0);
  await phone.context().close();
});

/** Prints a text by its bytes in octal, so that no shell on the way reads it; and then a mark. */
let marks = 0;
async function prints(text) {
  marks += 1;
  const bytes = [...Buffer.from(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  alice.type(`clear; printf '${bytes}'; echo; echo fin$((${marks}+100))\r`);
  await expect(page.locator('#screen')).toContainText(`fin${marks + 100}`);
}

test('what a terminal draws', async () => {
  const title = await page.title();
  await prints('\x1b]0;<script>alert(4)</script> PIRATE\x07\x1b]2;PIRATE\x1b\\');
  expect(await page.title()).toBe(title);
  await prints('\x1b]8;;https://evil.example/\x1b\\cliquez ici\x1b]8;;\x1b\\ <script>alert(5)</script><img src=x onerror=alert(6)>');
  await expect(page.locator('#screen')).toContainText('<script>alert(5)</script>');
  await expect(page.locator('#screen a')).toHaveCount(0);
  await inert();
  await prints('\u202E\u2066oli\u202C \u0301\u0301\u0301\u0301 \x1b[5mCLIGNOTE\x1b[0m \x1b]52;c;ZXZpbA==\x07\x1b[?1049h\x1b[?1049l');
  await expect(page.locator('#screen')).toContainText('CLIGNOTE');
  expect(await page.locator('#screen').textContent()).not.toMatch(/[\u202A-\u202E\u2066-\u2069]/);
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll('#screen *')].some((one) => getComputedStyle(one).animationName !== 'none' || /blink/.test(getComputedStyle(one).textDecorationLine)),
  );
  expect(moving).toBe(false);
  await inert();
});

test('a button that is drawn is no button', async () => {
  await prints('\x1b[10;20H\x1b[7m  Geler (F8)  \x1b[0m\x1b[12;20H\x1b[97;41m  Session sûre : tout va bien  \x1b[0m');
  const box = page.locator('#terminal-box');
  await expect(page.locator('#screen')).toContainText('Geler (F8)');
  await expect(page.locator('#screen button, #screen [role=button], #screen [tabindex], #screen input')).toHaveCount(0);
  // It stands in a frame that says whose words these are, and over the page's own buttons it never lies.
  await expect(page.locator('figcaption')).toContainText('vient de l\'équipement');
  const overlaps = await page.evaluate(() => {
    const [screen, brakes] = ['terminal-box', 'brakes'].map((id) => document.getElementById(id).getBoundingClientRect());
    return screen.top < brakes.bottom && brakes.top < screen.bottom;
  });
  expect(overlaps).toBe(false);
  await box.getByText('Geler (F8)').click();
  await expect(page.locator('#watch-state')).toContainText('direct');
  await inert();
});

/** Freezes during something, and measures until the page says so. */
async function freezesDuring(what) {
  const since = Date.now();
  await page.keyboard.press('F8');
  await page.waitForFunction(() => document.getElementById('watch').dataset.state === 'frozen', null, { polling: 10, timeout: 10_000 });
  const taken = Date.now() - since;
  console.log(`frozen during ${what} after ${taken} ms`);
  expect(taken).toBeLessThan(BRAKES);
  await inert();
  await expect(page.locator('#resume-own')).toBeEnabled();
  await page.click('#resume-own');
  await expect(page.locator('#watch-state')).toContainText('direct');
}

async function quiet() {
  alice.type('\x03');
  marks += 1;
  // What was typed while frozen is thrown away, so it is typed until it comes through.
  await expect(async () => {
    alice.type(`\x03\rstty sane; clear; echo fin$((${marks}+100))\r`);
    await expect(page.locator('#screen')).toContainText(`fin${marks + 100}`, { timeout: 3000 });
  }).toPass({ timeout: 60_000 });
}

test('brakes answer in a flood', async () => {
  alice.type('clear; timeout 20 base64 -w 0 /dev/urandom\r');
  await expect(page.locator('#screen')).toContainText(/[A-Za-z0-9+/]{60}/);
  await freezesDuring('one line that never ends');
  await quiet();
  alice.type('timeout 20 base64 /dev/urandom\r');
  await expect(page.locator('#screen')).toContainText(/[A-Za-z0-9+/]{60}/);
  await freezesDuring('a flood of lines');
  await quiet();
});

test('brakes answer in a storm of clearings, colours and titles', async () => {
  alice.type(`clear; timeout 20 sh -c 'while :; do printf "\\033[2J\\033[H\\033[7mORAGE%s\\033[0m\\033]0;x\\007\\033[?5h\\033[?5l\\033[8;200;400t" $((n=n+1)); done'\r`);
  await expect(page.locator('#screen')).toContainText('ORAGE');
  await freezesDuring('a storm');
  await quiet();
  // A megabyte in one line, and it is over.
  alice.type(`head -c 1000000 /dev/zero | tr '\\0' X; echo; echo fin-du-mega\r`);
  await expect(page.locator('#screen')).toContainText(/fin-du-mega\s*$|fin-du-mega[^;]/, { timeout: 20_000 });
  await inert();
  await page.keyboard.press('F9');
  await page.fill('#cut-reason', '<i>assez</i>');
  const since = Date.now();
  await page.keyboard.press('Enter');
  await expect(page.locator('#ended')).toBeVisible();
  console.log(`cut after ${Date.now() - since} ms`);
  await expect(page.locator('#ended')).toContainText('<i>assez</i>');
  await alice.sees('<i>assez</i>');
  await inert();
});
