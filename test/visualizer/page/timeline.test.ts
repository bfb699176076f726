/** The timeline: every request counted at any zoom, moments shown and compared, played, by pointer and by key. */

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPage, startBrowser } from '../support/browser.ts';
import { type Fixture, startFixture } from '../support/fixture-server.ts';

const DESK = { viewport: { width: 1440, height: 900 } };
const REQUESTS = 100;
/** Events between two requests. */
const EACH = 20;
const NEARLY_FULL = {
  input_tokens: 182_000,
  output_tokens: 0,
  cached_tokens: 0,
  context_window: 200_000,
};

let browser: Browser;
let server: Fixture;

beforeAll(async () => {
  browser = await startBrowser();
  server = await startFixture({ sessions: 2, isQuiet: true });
  const [session] = server.sessions;
  if (!session) throw new Error('the fixture has no session');
  const start = Date.now() - 3 * 3_600_000;
  const at = (number: number): string =>
    `${new Date(start + number * 5_000).toISOString().slice(0, -1)}000Z`;
  let number = 0;
  const send = (event: object): void => {
    session.send({ ...event, at: at(number) } as never);
    number += 1;
  };
  send({ type: 'turn.started', promptId: null, prompt: 'go' });
  for (let request = 0; request < REQUESTS; request += 1) {
    send({
      type: 'approval.requested',
      ...{ tool: null, toolUseId: null, server: null },
      request: {
        ...{ id: `r${request}`, session_id: session.id, type: 'exec', command: 'ls' },
        ...{ file_path: null, diff: null, question: null },
      },
    });
    send({
      type: 'approval.resolved',
      requestId: `r${request}`,
      server: null,
      decision: 'approved',
    });
    if (request === 0) send({ type: 'usage.updated', usage: NEARLY_FULL });
    for (let other = request === 0 ? 3 : 2; other < EACH; other += 1)
      send({ type: 'hook.observed', hook: 'PreToolUse' });
  }
}, 60_000);

afterAll(async () => {
  await browser.close();
  await server.close();
});

async function openTimeline(options = DESK): Promise<Page> {
  const id = server.sessions[0]?.id;
  const { page } = await openPage(browser, `${server.url}s/${id}?tab=timeline`, options);
  await page.getByRole('region', { name: 'Timeline' }).waitFor();
  return page;
}

const counted = (page: Page, canvas: string) =>
  page.getByTestId(canvas).evaluate((element) => Number(element.dataset.counted));

it('counts all requests of a long journal before anything is loaded, at any zoom', async () => {
  const page = await openTimeline();
  await expect.poll(() => counted(page, 'overview')).toBe(REQUESTS);
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await expect.poll(() => counted(page, 'rows')).toBe(REQUESTS);
  await page.getByRole('button', { name: 'Zoom in' }).click();
  await expect.poll(() => counted(page, 'rows')).toBeLessThan(REQUESTS);
  expect(await counted(page, 'overview')).toBe(REQUESTS);
  await page.context().close();
});

it('steps from request to request by key, says the moment, and goes back to live', async () => {
  const page = await openTimeline();
  await page.keyboard.press('[');
  const status = page.getByRole('status').filter({ hasText: 'You look at the past' });
  await status.waitFor();
  expect(await status.textContent()).toContain('91 % of the context was used.');
  const panel = page.getByTestId('moment');
  await panel.getByRole('heading', { name: 'approval.requested' }).waitFor();
  const before = await panel.textContent();
  await page.keyboard.press('[');
  await expect.poll(() => panel.textContent()).not.toBe(before);
  await panel.getByRole('heading', { name: 'approval.requested' }).waitFor();
  await page.keyboard.press('.');
  await panel.getByRole('heading', { name: 'approval.resolved' }).waitFor();
  await page.getByRole('button', { name: 'Back to live' }).click();
  await expect.poll(() => status.count()).toBe(0);
  await page.context().close();
});

it('compares two moments: what differs, and what happened between them', async () => {
  const page = await openTimeline();
  await page.keyboard.press('[');
  await page.getByTestId('moment').getByRole('heading', { name: 'approval.requested' }).waitFor();
  await page.keyboard.press('m');
  await page.getByRole('button', { name: 'Set B' }).waitFor();
  await page.keyboard.press('.');
  await page.getByTestId('moment').getByRole('heading', { name: 'approval.resolved' }).waitFor();
  await page.keyboard.press('m');
  const differs = page.getByRole('region', { name: 'What differs' });
  await differs.waitFor();
  expect(await differs.getByRole('row').count()).toBeGreaterThan(1);
  expect(await page.getByRole('region', { name: 'Between them' }).textContent()).toContain(
    '1 event in 5.0 s',
  );
  await page.context().close();
});

it('plays on from a moment and ends live', async () => {
  const page = await openTimeline();
  await page.keyboard.press('[');
  await page.getByRole('button', { name: 'Back to live' }).waitFor();
  await page.getByLabel('Speed').selectOption('60');
  await page.getByRole('button', { name: '▶ Play' }).click();
  await expect
    .poll(() => page.getByRole('button', { name: 'Back to live' }).count(), { timeout: 15_000 })
    .toBe(0);
  await page.getByRole('button', { name: '▶ Play' }).waitFor();
  await page.context().close();
});

it('describes a mark under the pointer: how long, what, from when to when', async () => {
  const page = await openTimeline();
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.keyboard.press('[');
  for (let round = 0; round < 8; round += 1) await page.keyboard.press('+');
  const canvas = page.getByTestId('rows');
  const box = await canvas.boundingBox();
  if (!box) throw new Error('the rows are not shown');
  // Zoomed around the moment: its request begins in the middle or near it.
  let found = false;
  for (let x = 4; x < box.width && !found; x += 6) {
    await page.mouse.move(box.x + x, box.y + 45);
    found = (await page.getByText('Waited for you').count()) > 0;
  }
  expect(found).toBe(true);
  expect(await page.locator('.journal-tip').textContent()).toMatch(/5\.0 s.*Run a command.*–/);
  await page.context().close();
});

it('is a list of requests in words on a phone, and each leads to its moment', async () => {
  const page = await openTimeline({
    ...{ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  } as typeof DESK);
  const first = page.locator('.journal-word').first();
  await first.waitFor();
  expect(await first.textContent()).toMatch(/Run a command.*waited 5\.0 s/);
  await first.tap();
  await page.getByRole('status').filter({ hasText: 'You look at the past' }).waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide).toBeLessThanOrEqual(390);
  await page.context().close();
});
