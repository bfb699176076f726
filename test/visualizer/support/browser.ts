/** One Chromium for all tests of the page, and what every page is watched for. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findChromium } from './chromium.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a Chromium with a profile of its own. @throws Error that says what to do where there is none */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: await findChromium(), args: FLAGS });
}

export interface WatchedPage {
  page: Page;
  /** Console errors, uncaught errors, policy reports, requests that leave the origin. */
  faults: string[];
}

/** A page in a fresh profile; `faults` fills while it lives. */
export async function openPage(
  browser: Browser,
  url: string,
  { seen, ...options }: BrowserContextOptions & { seen?: (page: Page) => Promise<void> } = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'blob:' && origin !== new URL(url).origin)
      faults.push(`outside: ${request.url()}`);
  });
  if (seen) await seen(page);
  await page.goto(url);
  return { page, faults };
}
