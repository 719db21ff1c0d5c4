// A browser as it stands on a ward's desk. The ones that Playwright starts itself call every page seen
// and focused, always; in this one a tab behind another is really hidden.
import { chromium } from '@playwright/test';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './stage.js';

const FLAGS = ['--headless=new', '--no-sandbox', '--no-first-run', '--ignore-certificate-errors', '--remote-debugging-port=0', '--window-size=1280,800', '--accept-lang=fr-FR'];

export class PlainBrowser {
  static async start() {
    const plain = new PlainBrowser();
    plain.folder = mkdtempSync(join(tmpdir(), 'poterne-plain-'));
    plain.child = spawn('/usr/bin/chromium', [...FLAGS, `--user-data-dir=${plain.folder}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    plain.child.stderr.on('data', (data) => (said += data));
    const [, address] = await until('debugging port', () => said.match(/DevTools listening on (\S+)/));
    plain.browser = await chromium.connectOverCDP(address, { noDefaults: true });
    [plain.context] = plain.browser.contexts();
    return plain;
  }

  /** Closes it. */
  async stop() {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    const session = await this.browser.newBrowserCDPSession();
    await session.send('Browser.close');
    await gone;
    // Helpers of it may still write for a moment.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
