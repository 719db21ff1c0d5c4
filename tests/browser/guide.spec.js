// The guide that hangs on the ward's wall, followed word for word in both languages: every name that it
// quotes is a button, a label or a text on the page where it says so, and none is left over.
//
//   POTERNE_PICTURES=1 npx playwright test guide.spec   also takes the guide's pictures anew
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test, until } from './stage.js';

test.use({ about: 'guide' });

const DOCS = new URL('../../docs/', import.meta.url).pathname;
/** Of one picture, in bytes: the guide is sent by mail, too. */
const LARGEST = 120_000;
/** What the pictures do not show: who is signed in, and what lies below. */
const ROOM = 8;

/** The names that a guide quotes, in its order; each is to be used. */
class Guide {
  constructor(file) {
    const text = readFileSync(DOCS + file, 'utf8').replace(/[\u00a0\u202f]/g, ' ');
    this.pictures = [...text.matchAll(/<img src="([^"]+)"/g)].map((match) => match[1]);
    this.left = [...text.matchAll(/[«“] ?([^»”]+?) ?[»”]/g)].map((match) => match[1]);
  }

  /** The next name; the step must come where the guide has it. */
  next(expected) {
    const name = this.left.shift();
    expect(name, 'the guide quotes its names in the order in which they are met').toMatch(expected);
    // The pages set French signs apart with a space that does not break.
    return new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(' ', '[ \\u00a0\\u202f]'));
  }
}

/** Takes the guide's next picture: these parts of the page, and what lies between them. */
async function picture(page, guide, parts, { width = Infinity, height = Infinity } = {}) {
  const file = DOCS + guide.pictures.shift();
  if (!process.env.POTERNE_PICTURES) {
    expect(existsSync(file), `${file}: POTERNE_PICTURES=1 makes it`).toBe(true);
  } else {
    const boxes = await Promise.all(parts.map((part) => part.boundingBox()));
    const left = Math.max(0, Math.min(...boxes.map((box) => box.x)) - ROOM);
    const top = Math.max(0, Math.min(...boxes.map((box) => box.y)) - ROOM);
    const right = Math.min(Math.max(...boxes.map((box) => box.x + box.width)) + ROOM, left + width);
    const bottom = Math.min(Math.max(...boxes.map((box) => box.y + box.height)) + ROOM, top + height);
    mkdirSync(`${DOCS}pictures`, { recursive: true });
    writeFileSync(file, await page.screenshot({ clip: { x: left, y: top, width: right - left, height: bottom - top }, animations: 'disabled' }));
  }
  expect(statSync(file).size).toBeLessThan(LARGEST);
}

test.describe.configure({ mode: 'serial' });

test('watchers are asked often, so that the guide’s question comes', async ({ site }) => {
  const config = readFileSync(site.facts.config, 'utf8');
  writeFileSync(site.facts.config, config.replace('[recordings]', '[supervision]\nchallenge = "10s"\n\n[recordings]'));
  await site.asOperator('$POTERNE reload');
});

const GUIDES = [
  { file: 'guide-approbateur.md', locale: 'fr-FR', reason: 'Calibrage après la panne de mardi', why: 'Mauvaise machine', alarm: 'Appels étranges de plusieurs sociétés' },
  { file: 'guide-approver.md', locale: 'en-GB', reason: 'Calibration after the fault of Tuesday', why: 'Wrong machine', alarm: 'Strange calls of several companies' },
];

for (const { file, locale, reason, why, alarm } of GUIDES) {
  test(`${file}, word for word`, async ({ browser, site }) => {
    const guide = new Guide(file);
    const context = await browser.newContext({ locale, viewport: { width: 1120, height: 1000 }, colorScheme: 'light' });
    const page = await context.newPage();
    const claire = site.people.claire;
    const button = (name) => page.getByRole('button', { name });
    const link = (name) => page.getByRole('link', { name });

    // 1. Sign in; the page shows who waits.
    const alice = site.technician('alice', 'scanner-irm');
    const code = await alice.asks(reason);
    await page.goto(site.address('/'));
    await page.getByLabel(guide.next(/^(Identifiant|Login)$/)).fill('claire');
    await page.getByLabel(guide.next(/^(Mot de passe|Password)$/)).fill(claire.password);
    await page.getByLabel(guide.next(/6/)).fill(await claire.code());
    await button(guide.next(/^(Se connecter|Sign in)$/)).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(guide.next(/^(Demandes|Requests)$/));
    const open = link(guide.next(/^(Voir la demande|See the request)$/));
    await picture(page, guide, [page.locator('li.card').first()], { width: 480 });
    await open.click();

    // 2. Read.
    await expect(page.getByText(guide.next(/^(Motif|Reason)$/), { exact: true })).toBeVisible();
    await expect(page.locator('.reason')).toHaveText(reason);
    await picture(page, guide, [page.locator('section.card').first()]);

    // 3. Call. 4. Type.
    await expect(page.locator('.phone')).toContainText(guide.next(/contrat|contract/));
    const picked = page.getByLabel(guide.next(/^(J'ai rappelé|I called)/));
    await picked.check();
    await page.getByLabel(guide.next(/^(Le code du technicien|The technician's code)$/)).fill(code);
    await page.getByLabel(guide.next(/^(Votre code|Your own code)$/)).fill(await claire.code());
    const give = button(guide.next(/^(Accorder l'accès|Give access)$/));
    const [card, last] = [await page.locator('.decide').boundingBox(), await give.boundingBox()];
    await picture(page, guide, [page.locator('.decide')], { height: last.y + last.height - card.y + 3 * ROOM });
    await give.click();

    // 5. Watch: the screen comes by itself, and the question of whether somebody is there.
    await page.waitForURL(/\/sessions\/[^/]+\/watch/);
    await alice.sees(/[$#] /);
    alice.type('df -h /\r');
    await expect(page.locator('#screen')).toContainText('Use%');
    await expect(page.locator('#challenge')).toBeVisible({ timeout: 20_000 });
    await expect(page.locator('#challenge')).toContainText(guide.next(/\?$/));
    await page.fill('#challenge-answer', await page.locator('#challenge-text').textContent());
    await button(guide.next(/^(Je suis là|I am here)$/)).click();
    await expect(page.locator('#challenge')).toBeHidden();
    await expect(page.locator('#watch')).toHaveAttribute('data-state', 'live');

    // 6. Freeze, let go on, cut.
    const freeze = button(guide.next(/^(Geler|Freeze)$/));
    await expect(freeze).toContainText('F8');
    await picture(page, guide, [page.locator('.watch-head'), page.locator('#brakes'), page.locator('.terminal-frame')], { width: 700, height: 430 });
    await freeze.click();
    await alice.sees(/Gel.e par/);
    const resume = page.locator('#resume-own');
    await expect(resume).toHaveText(guide.next(/^(Reprendre|Resume)$/));
    await page.waitForTimeout(1500); // A letting-go right after a freeze is held back by the page.
    await resume.click();
    await alice.sees('Reprise');
    const cut = page.locator('#cut');
    await expect(cut).toHaveText(guide.next(/^(Couper|Cut)$/));
    await expect(cut).toContainText('F9');
    await cut.click();
    await page.locator('#cut-reason').fill(why);
    await button(guide.next(/^(Couper maintenant|Cut now)$/)).click();
    await alice.sees(why);

    // 7. Afterwards.
    await expect(page.locator('#ended')).toContainText(guide.next(/^Session/));
    await link(guide.next(/^(Voir le registre|See the register)$/)).click();
    await expect(page.locator('main')).toContainText('Alice Martin');
    await expect(page.locator('svg.presence').first()).toBeVisible();
    await until('end of ssh', async () => (await Promise.race([alice.ended, 'still'])) !== 'still');

    // Everything at once; somebody waits meanwhile, and is sent away.
    const again = site.technician('alice', 'serveur-pacs');
    await again.asks(reason);
    await link(guide.next(/^(Tout couper|Cut everything)$/)).click();
    await page.locator('#reason').fill(alarm);
    const on = button(guide.next(/^(Continuer|Continue)$/));
    await picture(page, guide, [page.locator('h1'), page.locator('main section.card')]);
    await on.click();
    const all = button(guide.next(/^(Tout couper maintenant|Cut everything now)$/));
    await all.click();
    await expect(page.locator('.banner.stop').last()).toContainText(alarm);
    await until('end of ssh', async () => (await Promise.race([again.ended, 'still'])) !== 'still');
    // Only an operator or security opens again.
    await expect(page.locator('form[action="/lockdown/end"]')).toHaveCount(0);
    const officer = await (await browser.newContext({ locale })).newPage();
    await officer.goto(site.address('/sign-in?next=/lockdown'));
    await officer.fill('#login', 'sophie');
    await officer.fill('#password', site.people.sophie.password);
    await officer.fill('#otp', await site.people.sophie.code());
    await officer.click('main button.primary');
    await officer.fill('#reason', why);
    await officer.click('form[action="/lockdown/end"] button');
    await expect(officer.locator('.notice.good')).toBeVisible();
    await officer.context().close();

    // Say no.
    const third = site.technician('alice', 'serveur-pacs');
    await third.asks(reason);
    await page.goto(site.address('/requests'));
    await page.click('li.card a.button');
    await page.locator('summary').filter({ hasText: guide.next(/^(Refuser|Refuse)$/) }).click();
    await page.locator('#reason').fill(why);
    await button(guide.next(/^(Refuser la demande|Refuse the request)$/)).click();
    await third.sees(why);
    expect(guide.left, 'quoted in the guide, met nowhere').toEqual([]);
    expect(guide.pictures).toEqual([]);
    await context.close();
  });
}
