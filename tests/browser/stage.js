// The stage of every test: a demo site of its own, its people with their codes, technicians with a
// real ssh client on a real terminal, and browsers.
import { test as base, expect } from '@playwright/test';
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = process.env.POTERNE ?? new URL('../../target/debug/poterne', import.meta.url).pathname;
const STEP = 30;
/** Seconds from reading a code to its being checked, at most. */
const SLOW = 8;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Waits until something is there; real programs take their time. */
export async function until(what, look, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) {
      return found;
    }
    if (Date.now() > end) {
      throw new Error(`no ${typeof what === 'function' ? what() : what} within ${seconds} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function base32(text) {
  const bits = [...text.replace(/=+$/, '')].map((c) => ALPHABET.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

function codeAt(secret, step) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const hash = createHmac('sha1', base32(secret)).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** One person of the demo. */
export class Person {
  #used = 0;

  constructor(facts) {
    Object.assign(this, facts);
    this.secret = facts.totp.match(/secret=([A-Z2-7]+)/)[1];
  }

  /** A code that was not used yet; waits for the next where there is none. */
  async code() {
    for (;;) {
      const seconds = Date.now() / 1000;
      const now = Math.floor(seconds / STEP);
      // One step of skew is taken either way, and only forwards. The last one is good only while there
      // is time left to type it.
      const last = seconds % STEP < STEP - SLOW ? [now - 1] : [];
      const step = [...last, now, now + 1].find((one) => one > this.#used);
      if (step !== undefined) {
        this.#used = step;
        return codeAt(this.secret, step);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** A command on a real terminal, that of `script`. */
export class Terminal {
  screen = '';
  #child;

  constructor(command, env = { ...process.env, TERM: 'xterm' }) {
    this.#child = spawn('script', ['-qfec', command, '/dev/null'], { env });
    this.#child.stdout.on('data', (data) => (this.screen += data));
    this.ended = new Promise((resolve) => this.#child.on('exit', resolve));
  }

  /** Waits until this stands on the screen, after what was waited for last. */
  async sees(what, seconds = 20) {
    const found = () => {
      const at = what instanceof RegExp ? this.screen.search(what) : this.screen.indexOf(what);
      return at < 0 ? null : { at };
    };
    const { at } = await until(() => `\`${what}\` on the terminal:\n${this.screen.slice(-2000)}`, found, seconds);
    const match = what instanceof RegExp ? this.screen.match(what) : [what];
    this.screen = this.screen.slice(at + match[0].length);
    return match;
  }

  type(text) {
    this.#child.stdin.write(text);
  }

  leave() {
    this.#child.kill('SIGTERM');
  }
}

/** A technician with a real ssh client. */
export class Technician extends Terminal {
  constructor(site, person, target) {
    const { host, port } = site.facts.ssh;
    const ssh = `ssh -tt -p ${port} -o UserKnownHostsFile=${site.folder}/known_hosts -o StrictHostKeyChecking=accept-new ${person.login}+${target}@${host}`;
    super(`stty rows 24 cols 80; ${ssh}`);
    this.person = person;
  }

  /** Logs in and asks; gives the four characters to read out. */
  async asks(reason, ticket = 'T-1') {
    await this.sees(/Password:|passe.*:/);
    this.type(`${this.person.password}\r`);
    await this.sees(/code:/i);
    this.type(`${await this.person.code()}\r`);
    await this.sees(/OUI|YES/);
    this.type('OUI\r');
    await this.sees(/Motif|Reason/);
    this.type(`${reason}\r`);
    await this.sees(/Ticket/);
    this.type(`${ticket}\r`);
    [, this.number] = await this.sees(/(?:Demande|Request) (\d+)/);
    const [, code] = await this.sees(/Code ([A-Z0-9]{4})\. /);
    this.readOut = code;
    this.type('\r');
    await this.sees(/Envoy|Sent/);
    return code;
  }
}

/** A running demo. */
export class Site {
  technicians = [];

  static async start(...more) {
    const site = new Site();
    const room = mkdtempSync(join(tmpdir(), 'poterne-browser-'));
    site.folder = join(room, 'site');
    site.room = room;
    const ready = join(room, 'ready.json');
    const args = ['demo', '--dir', site.folder, '--ssh-port', '0', '--console-port', '0', '--ready-file', ready, '--language', 'fr', ...more];
    site.child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    site.output = '';
    site.child.stdout.on('data', (data) => (site.output += data));
    site.child.stderr.on('data', (data) => (site.output += data));
    await until('ready file', () => existsSync(ready), 60);
    site.facts = JSON.parse(readFileSync(ready, 'utf8'));
    const people = [...site.facts.technicians, ...site.facts.staff];
    site.people = Object.fromEntries(people.map((facts) => [facts.login, new Person(facts)]));
    return site;
  }

  technician(login, target) {
    const technician = new Technician(this, this.people[login], target);
    this.technicians.push(technician);
    return technician;
  }

  /** Carries out a command line as nadia, signed in at a terminal of her own; `$POTERNE` in it is the program. */
  async asOperator(command, env = {}) {
    const poterne = `'${PROGRAM}' --config '${this.facts.config}'`;
    const terminal = new Terminal(`stty -echo; ${poterne} login --as nadia && ${command.replace('$POTERNE', poterne)} && echo DONE`, { ...process.env, ...env });
    await terminal.sees(/passw\S*:|passe.*:/i);
    terminal.type(`${this.people.nadia.password}\r`);
    await terminal.sees(/code.*:/i);
    terminal.type(`${await this.people.nadia.code()}\r`);
    await terminal.sees('DONE');
  }

  /** One more member of staff. */
  async hire(login, name, role, group) {
    const password = randomBytes(12).toString('base64url');
    const secret = [...randomBytes(32)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
    const facts = `--role ${role} --group ${group} --name '${name}' --email ${login}@chu.example --phone '+33 6 00 00 99 01' ${login}`;
    const secrets = { NEW_PASSWORD: password, NEW_SECRET: secret };
    await this.asOperator(`printf '%s\\n' "$NEW_PASSWORD" "$NEW_SECRET" | $POTERNE staff add ${facts}`, secrets);
    this.people[login] = new Person({ login, password, totp: `secret=${secret}` });
  }

  address(path) {
    return this.facts.console + path;
  }

  async stop() {
    this.technicians.forEach((technician) => technician.leave());
    this.child.kill('SIGTERM');
    await new Promise((resolve) => this.child.once('exit', resolve));
    rmSync(this.room, { recursive: true, force: true });
  }
}

/** Signs somebody in. */
export async function signIn(page, site, login) {
  await page.goto(site.address('/sign-in'));
  await page.fill('#login', login);
  await page.fill('#password', site.people[login].password);
  await page.fill('#otp', await site.people[login].code());
  await page.click('main button.primary');
  await expect(page).not.toHaveURL(/sign-in/);
}

/** One more browser of somebody who is signed in already: a code is good once, a sign-in for a day. */
export async function another(browser, page, options = {}) {
  const context = await browser.newContext({ ...options, storageState: await page.context().storageState() });
  return context.newPage();
}

/** Fills in a request's form and sends it. */
export async function approve(page, person, code) {
  await page.check('input[value=called]');
  await page.fill('#code', code);
  await page.fill('#otp', await person.code());
  await page.click('.decide button.primary');
}

/** Asks, approves, and stands before the technician's screen. */
export async function letIn(page, site, technician, person, reason = 'Calibration') {
  const code = await technician.asks(reason);
  await page.goto(site.address(`/requests/${technician.number}`));
  await approve(page, person, code);
  await page.waitForURL(/\/sessions\/[^/]+\/watch/);
  await technician.sees(/ACCORD/);
}

/** What must not happen in any page of this context: a dialog, an error of a script, a breach of the policy. */
export async function guarded(context, harmless = /^$/) {
  const seen = [];
  const note = (what) => harmless.test(what) || seen.push(what);
  context.on('dialog', (dialog) => {
    seen.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  context.on('weberror', (error) => note(`script: ${error.error()}`));
  context.on('console', (message) => message.type() === 'error' && note(`console: ${message.text()} ${message.location().url}`));
  await context.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)),
  );
  return seen;
}

/** Pixels by which a page is wider than its window. */
export const overflow = (page) =>
  page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth));

/**
 * Tests with a site. Each file has one of its own: it says `test.use({ about: 'its name' })`, because
 * what differs in such a word makes another worker.
 */
export const test = base.extend({
  about: ['', { scope: 'worker', option: true }],
  site: [
    async ({ about }, use) => {
      const site = await Site.start();
      site.about = about;
      await use(site);
      await site.stop();
    },
    { scope: 'worker' },
  ],
});

export { expect };
