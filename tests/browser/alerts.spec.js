// An alert: raised by a try on a closed account, seen where it waits, taken by name, in one click and a sentence.
import { expect, guarded, signIn, test, until } from './stage.js';

test.use({ about: 'alerts' });
test.describe.configure({ mode: 'serial' });

let page;
let breaches;

/** A technician who was shown the door tries again with what was right yesterday. */
async function triesInVain(site, login, target) {
  const technician = site.technician(login, target);
  await technician.sees(/Password:|passe.*:/);
  technician.type(`${technician.person.password}\r`);
  await technician.sees(/code:/i);
  technician.type(`${await technician.person.code()}\r`);
  await technician.ended;
}

test.beforeAll(async ({ browser, site }) => {
  const context = await browser.newContext();
  // The browser's own line where an order is refused.
  breaches = await guarded(context, /status of 422/);
  page = await context.newPage();
  await signIn(page, site, 'sophie');
});

test.afterAll(() => expect(breaches).toEqual([]));

test('nothing waits, and the page says so', async ({ site }) => {
  await page.goto(site.address('/alerts'));
  await expect(page.locator('#alerts')).toContainText('Aucune alerte n');
});

test('a try on a closed account is told, and somebody takes it', async ({ site }) => {
  await site.asOperator("$POTERNE technician disable alice --reason 'Compte divulgué'");
  await triesInVain(site, 'alice', 'scanner-irm');
  const alert = page.locator('#alerts section');
  await until('alert', async () => {
    await page.goto(site.address('/alerts'));
    return (await alert.count()) === 1;
  });
  await expect(alert).toContainText('Essais sur un compte fermé ou bloqué');
  await expect(alert).toContainText('alice');
  await expect(alert).toContainText('127.0.0.1');

  // From the list to the button by keyboard alone; without a word about it, it is not taken.
  const note = alert.getByLabel('Ce que vous constatez ou faites');
  await note.focus();
  await page.keyboard.press('Enter');
  await expect(alert).toHaveCount(1);
  await page.keyboard.type('J’appelle la société.');
  await page.keyboard.press('Tab');
  await expect(alert.getByRole('button', { name: 'Je la prends' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#alerts')).toContainText('Aucune alerte n');
  const taken = page.locator('section.card', { hasText: 'Essais sur un compte fermé' });
  await expect(taken).toContainText('Sophie');
  await expect(taken).toContainText('J’appelle la société.');
});

test('the same try again is a new alert; taken in another window, it is said to be', async ({ site }) => {
  await triesInVain(site, 'alice', 'scanner-irm');
  await until('alert', async () => {
    await page.goto(site.address('/alerts'));
    return (await page.locator('#alerts section').count()) === 1;
  });
  const other = await page.context().newPage();
  await other.goto(site.address('/alerts'));
  await page.locator('#alerts input[name=note]').fill('Vu.');
  await page.getByRole('button', { name: 'Je la prends' }).click();
  await expect(page.locator('#alerts')).toContainText('Aucune alerte n');
  await other.locator('#alerts input[name=note]').fill('Moi aussi.');
  await other.getByRole('button', { name: 'Je la prends' }).click();
  await expect(other.locator('#said')).toContainText(/Sophie|sophie/);
  await other.close();
});
