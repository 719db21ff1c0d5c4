// The pages in Debian's Chromium, against the real daemon (the demo site) with a real ssh client on
// the other side. Each file has a site of its own; they run one after the other on two cores.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'browser',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  // One-time codes are good once and change every 30 seconds: a test that decides often waits often.
  timeout: 180_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  outputDir: '../target/browser',
  use: {
    ignoreHTTPSErrors: true,
    locale: 'fr-FR',
    viewport: { width: 1280, height: 800 },
    launchOptions: { executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] },
    // Nothing on these pages takes longer.
    actionTimeout: 15_000,
    navigationTimeout: 20_000,
    screenshot: 'only-on-failure',
  },
});
