/**
 * `npm run screenshots [folder] [names]`: the page in its states (shots.ts), to be looked at by a person; the
 * one named `readme` is the README's. Sessions and events are seeded; only clocks differ from run to run.
 */
import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { openPage, startBrowser } from './browser.ts';
import { type Fixture, startFixture } from './fixture-server.ts';
import { SHOTS, type Shot } from './shots.ts';

const README_PICTURE = new URL('../../../visualizer/screenshot.png', import.meta.url).pathname;
/** What most pictures show first. */
const ALIVE =
  '.virtual-row, .virtual-tile, .board-card, .outline-state, .chart, .talk, .card, .inbox';

const [folder = 'dist/screenshots', ...names] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const common = await startFixture({ sessions: 60 });
live(common, 40);
const browser = await startBrowser();
for (const shot of SHOTS) {
  if (names.length === 0 || names.includes(shot.name)) await take(browser, shot);
}
await browser.close();
// Servers that were restarted for a picture are still there.
process.exit(0);

async function take(browser: Browser, shot: Shot): Promise<void> {
  const { name, options, path, act, before, fixture, shows = ALIVE } = shot;
  const server = fixture ? await startFixture(fixture) : common;
  const isQuiet = fixture?.isQuiet === true;
  if (fixture && !isQuiet) live(server, 20);
  before?.(server);
  const { page, faults } = await openPage(browser, server.url + path, options);
  await page.locator(shows).first().waitFor();
  await page.waitForTimeout(600);
  if (act) await act(page, server);
  if (!isQuiet) live(server, 1);
  await page.waitForTimeout(500);
  await page.screenshot({ path: name === 'readme' ? README_PICTURE : `${folder}/${name}.png` });
  for (const fault of faults) console.error(`${name}: ${fault}`);
  await page.context().close();
}

/** Lets all sessions go on, but for requests that are meant to be seen. */
function live({ sessions }: Fixture, events: number): void {
  for (let round = 0; round < events; round += 1) {
    for (const one of sessions) {
      const [open] = one.chart.snapshot.context.approvals;
      if (!open?.request.id.startsWith('shown-')) one.step();
    }
  }
}
