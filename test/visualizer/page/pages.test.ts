/** The other pages: small multiples, charts by themselves, about. */
import { expect, it } from 'vitest';
import { describeMachine, sessionMachine } from '../../../machines/index.ts';
import {
  afterwards,
  asks,
  fixture,
  litStates,
  useBrowser,
  visit,
} from '../support/browser-page.ts';
import { startPrefixProxy } from '../support/prefix-proxy.ts';

useBrowser();

/** Drawn as the frame of a picture, not as a state in it. */
const REGIONS = new Set([
  'session.phase',
  'session.link',
  'session.phase.active.turn',
  'session.phase.active.agents',
  'session.phase.active.requests',
]);

it('counts all sessions on the states they are in, and keeps those of a pressed one', async () => {
  const server = await fixture({ sessions: 60 }, 20);
  const page = await visit(`${server.url}grid`);
  const paths = server.sessions.map((one) => one.row().path);
  const isIn = (state: string) => (leaves: readonly string[]) =>
    leaves.some((path) => path === state || path.startsWith(`${state}.`));
  await page.locator('.tile').first().waitFor();
  const counted = await page.$$eval('.mini-state', (all) =>
    all.map((one) => [
      (one as HTMLElement).dataset.state,
      Number(one.querySelector('b')?.textContent),
    ]),
  );
  expect(counted.length).toBe(
    describeMachine(sessionMachine).states.filter(
      ({ id, parent }) => parent !== null && !REGIONS.has(id),
    ).length,
  );
  for (const [state, count] of counted) {
    expect([state, count]).toEqual([state, paths.filter(isIn(String(state))).length]);
  }
  await page.locator('[data-state="phase.active.requests.permission"]').click();
  const waiting = paths.filter(isIn('phase.active.requests.permission')).length;
  expect(waiting).toBeGreaterThan(0);
  await expect
    .poll(() => page.locator('.grid-head').textContent())
    .toContain(`${waiting} session${waiting === 1 ? '' : 's'} in phase.active.requests.permission`);
  expect(await page.locator('.tile:not(.tile-attention)').count()).toBe(0);
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect.poll(() => page.locator('.tile-working').count()).toBeGreaterThan(0);
});

it('opens a session from its tile, and the browser leads back to the grid', async () => {
  const server = await fixture({ sessions: 12 });
  const page = await visit(`${server.url}grid`);
  await page.locator('.tile').nth(3).click();
  await page.waitForURL(/\/s\/od-/);
  await page.getByTestId('session').waitFor();
  await page.goBack();
  await page.locator('.tile').first().waitFor();
  expect(new URL(page.url()).pathname).toBe('/visualizer/grid');
  await page.goForward();
  await page.getByTestId('session').waitFor();
  expect(page.url()).toMatch(/\/s\/od-/);
});

it('moves no tile because something happened', async () => {
  const server = await fixture({ sessions: 40 });
  const page = await visit(`${server.url}grid`);
  await page.locator('.tile').first().waitFor();
  const names = () => page.locator('.tile .row-name').allTextContents();
  const before = await names();
  const paints = await page.evaluate(() => window.__viz?.stats.listPaints ?? 0);
  for (let round = 0; round < 200; round += 1) server.sessions[round % 40]?.step();
  await page.waitForFunction((seen) => (window.__viz?.stats.listPaints ?? 0) > seen, paints);
  expect(await names()).toEqual(before);
});

it('draws each chart by itself, with every state in words, and offers it in three forms', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}machines/session`);
  await page.waitForSelector('.chart .state');
  expect(await litStates(page)).toEqual([]);
  const { states } = describeMachine(sessionMachine);
  expect(await page.locator('.catalogue-state').count()).toBe(states.length);
  await page.locator('.chart .title[data-state="session.phase.active.turn.closed"]').click();
  await expect
    .poll(() => page.locator('.catalogue-state.picked').textContent())
    .toMatch(/closed.*turn\.started \[isNewPrompt\] → open/);
  await page.getByRole('button', { name: 'supervisor' }).click();
  await page.waitForSelector('.chart .state[data-state="supervisor.serving"]');
  expect(new URL(page.url()).pathname).toBe('/visualizer/machines/supervisor');
  for (const form of ['mermaid', 'scxml', 'json']) {
    expect(await page.getByRole('button', { name: `Chart as ${form}` }).isEnabled()).toBe(true);
  }
  await page.goto(`${server.url}machines/nothing`);
  await expect
    .poll(() => page.getByTestId('no-machine').textContent())
    .toContain('no chart nothing');
});

it('says about itself what it keeps, shows and has done, and all keys', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}about`);
  await expect
    .poll(() => page.getByTestId('about').textContent())
    .toMatch(/2000 events at least, 30 days.*event before/);
  await expect.poll(() => page.getByTestId('about').textContent()).toContain('Memory95 MiB');
});

it('works below the path of a proxy: files, both connections, addresses, a reload', async () => {
  const server = await fixture({ sessions: 2 }, 4);
  asks(server.sessions[1], { command: 'npm test' });
  const proxy = await startPrefixProxy('/deep/orbit', server.port);
  afterwards(() => proxy.close());
  const page = await visit(`${proxy.url}visualizer/sessions`);
  await page.locator('.virtual-row', { hasText: 'web-client-1' }).click();
  await page.getByTestId('approval').waitFor();
  await page.locator('.mini-region .on').first().waitFor();
  expect(new URL(page.url()).pathname).toBe('/deep/orbit/visualizer/s/od-0001');
  await page.reload();
  await page.getByTestId('approval').waitFor();
  await page.getByRole('link', { name: 'OrbitDock' }).click();
  await page.waitForURL(/\/deep\/orbit\/visualizer\/sessions$/);
  expect(proxy.outside).toEqual([]);
});
