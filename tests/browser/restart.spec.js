// The bastion stops under an open page: stopped for a while, and killed and started again on the same port.
import { spawn } from 'node:child_process';
import { expect, letIn, PROGRAM, signIn, test, until } from './stage.js';

test.use({ about: 'restart' });
test.describe.configure({ mode: 'serial' });

let alice;
let watch;
const at = {};

test.beforeAll(async ({ browser, site }) => {
  at.requests = await (await browser.newContext()).newPage();
  await signIn(at.requests, site, 'claire');
  at.watch = await at.requests.context().newPage();
  alice = site.technician('alice', 'serveur-pacs');
  await letIn(at.watch, site, alice, site.people.claire);
  watch = at.watch.url();
  await expect(at.watch.locator('#watch-state')).toContainText('direct');
});

test('silent for a while: the watch says so, and goes on', async ({ site }) => {
  site.child.kill('SIGSTOP');
  try {
    // After 6 s without a sign of life; nothing is to be heard from a process that stands still.
    await expect(at.watch.locator('#watch-state')).toContainText(/ne bouge plus|perdue/, { timeout: 12_000 });
  } finally {
    site.child.kill('SIGCONT');
  }
  await expect(at.watch.locator('#watch-state')).toContainText('direct', { timeout: 20_000 });
  alice.type('echo encore$((1+1))\r');
  await expect(at.watch.locator('#screen')).toContainText('encore2');
});

test('killed: every page says that the line is lost, and comes back after the restart', async ({ site }) => {
  const gone = new Promise((resolve) => site.child.once('exit', resolve));
  site.child.kill('SIGKILL');
  await gone;
  await expect(at.requests.locator('#offline')).toBeVisible();
  await expect(at.requests.locator('#offline')).toContainText('Liaison perdue');
  await expect(at.watch.locator('#watch-state')).toContainText('perdue');
  // The same site by the real daemon, as after a power cut; the demo's targets are gone with it.
  site.child = spawn(PROGRAM, ['--config', site.facts.config, 'run', '--as-root'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  site.child.stderr.on('data', (data) => (said += data));
  await until(() => `console: ${said.slice(-2000)}`, () => at.requests.request.get(site.address('/sign-in')).then((answer) => answer.ok(), () => false));
  // Sign-ins are in memory: each page leads to the sign-in by itself, and back to where it was.
  await at.requests.waitForURL(/sign-in/, { timeout: 30_000 });
  await at.watch.waitForURL(/sign-in/, { timeout: 30_000 });
  await expect(at.watch.locator('#said')).toContainText('Vous avez été déconnecté');
  await at.watch.fill('#login', 'claire');
  await at.watch.fill('#password', site.people.claire.password);
  await at.watch.fill('#otp', await site.people.claire.code());
  await at.watch.click('main button.primary');
  await at.watch.waitForURL(watch);
  await expect(at.watch.locator('#ended')).toBeVisible();
  await at.requests.goto(site.address('/requests'));
  await expect(at.requests.locator('h1')).toHaveText('Demandes');
  await expect(at.requests.locator('#offline')).toBeHidden();
});
