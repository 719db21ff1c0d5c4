// The stage of every test: a demo site of its own, its people with their codes, technicians with a
// real ssh client on a real terminal, and browsers.
import { test as base, expect } from '@playwright/test';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = process.env.POTERNE ?? new URL('../../target/debug/poterne', import.meta.url).pathname;
const STEP = 30;

/** Waits until something is there; real programs take their time. */
export async function until(what, look, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) {
      return found;
    }
    if (Date.now() > end) {
      throw new Error(`no ${what} within ${seconds} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function base32(text) {
  const bits = [...text.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
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
      const now = Math.floor(Date.now() / 1000 / STEP);
      // One step of skew is taken either way, and only forwards.
      const step = [now - 1, now, now + 1].find((one) => one > this.#used);
      if (step !== undefined) {
        this.#used = step;
        return codeAt(this.secret, step);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** A technician with a real ssh client on a pseudo-terminal of `script`. */
export class Technician {
  screen = '';
  #child;

  constructor(site, person, target) {
    const { host, port } = site.facts.ssh;
    const ssh = `ssh -tt -p ${port} -o UserKnownHostsFile=${site.folder}/known_hosts -o StrictHostKeyChecking=accept-new ${person.login}+${target}@${host}`;
    this.person = person;
    this.#child = spawn('script', ['-qfec', `stty rows 24 cols 80; ${ssh}`, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } });
    this.#child.stdout.on('data', (data) => (this.screen += data));
    this.ended = new Promise((resolve) => this.#child.on('exit', resolve));
  }

  /** Waits until this stands on the screen, after what was waited for last. */
  async sees(what, seconds = 20) {
    const found = () => {
      const at = what instanceof RegExp ? this.screen.search(what) : this.screen.indexOf(what);
      return at < 0 ? null : { at };
    };
    const { at } = await until(`\`${what}\` on the technician's screen:\n${this.screen}`, found, seconds);
    const match = what instanceof RegExp ? this.screen.match(what) : [what];
    this.screen = this.screen.slice(at + match[0].length);
    return match;
  }

  type(text) {
    this.#child.stdin.write(text);
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
    const [, code] = await this.sees(/Code ([A-Z0-9]{4})\. /);
    this.type('\r');
    return code;
  }

  leave() {
    this.#child.kill('SIGTERM');
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

/** Tests with a site; one for each file. */
export const test = base.extend({
  site: [
    async ({}, use) => {
      const site = await Site.start();
      await use(site);
      await site.stop();
    },
    { scope: 'worker' },
  ],
});

export { expect };
