/** The diagram in a browser: it shows what is, at once, and never moves by itself. */

import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { describeMachine, sessionMachine } from '../../../machines/index.ts';
import type { StateValue } from '../../../src/protocol/inspect.ts';
import { activeStates } from '../../../visualizer/src/value.ts';
import { disagreements } from '../support/agreement.ts';
import { fixture, litStates, PHONE, still, useBrowser, visit } from '../support/stage.ts';

useBrowser();
const DIST = new URL('../../../dist/visualizer/', import.meta.url).pathname;

function stateOf(server: Awaited<ReturnType<typeof fixture>>, index: number): StateValue {
  return server.sessions[index]?.chart.snapshot.value as StateValue;
}

it('stays in its size, and nothing of it lays out', () => {
  const sizes = { js: 0, css: 0, woff2: 0 };
  for (const name of readdirSync(`${DIST}assets`)) {
    const kind = name.split('.').at(-1) as keyof typeof sizes;
    if (!(kind in sizes)) continue;
    const bytes = readFileSync(`${DIST}assets/${name}`);
    sizes[kind] += kind === 'woff2' ? bytes.length : gzipSync(bytes, { level: 9 }).length;
    if (kind === 'js') expect(bytes.toString()).not.toMatch(/elk\.layered|eclipse/);
  }
  expect(sizes.js).toBeLessThanOrEqual(120_000);
  expect(sizes.css).toBeLessThanOrEqual(14_000);
  expect(sizes.woff2).toBeLessThanOrEqual(100_000);
});

it('draws every state and every transition of the machine that runs', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`, {
    viewport: { width: 2200, height: 1300 },
  });
  await page.waitForSelector('.chart .leaf.on');
  const description = describeMachine(sessionMachine);
  const edges = await page.$$eval('.chart [data-edge]', (all) =>
    all.map((one) => (one as SVGElement).dataset.edge),
  );
  const states = await page.$$eval('.chart .state', (all) =>
    all.map((one) => (one as SVGElement).dataset.state),
  );
  expect(edges.sort()).toEqual(description.edges.map(({ id }) => id).sort());
  expect(states.sort()).toEqual(
    description.states
      .map(({ id }) => id)
      .filter((id) => id !== 'session')
      .sort(),
  );
});

it('lights exactly the active states after each of 30 events', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`, {
    viewport: { width: 2200, height: 1300 },
  });
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 30; round += 1) {
    server.sessions[1]?.step();
    const expected = [...activeStates(stateOf(server, 1), 'session')]
      .filter((id) => id !== 'session')
      .sort();
    await page.waitForFunction(
      (wanted) =>
        [...document.querySelectorAll<SVGElement>('.chart .state.on')]
          .map((one) => one.dataset.state)
          .sort()
          .join() === wanted,
      expected.join(),
      { timeout: 2000, polling: 'raf' },
    );
  }
  expect(await page.locator('.chart .state.leaf.on').count()).toBe(5);
});

// The outline and the log are two tabs of one panel: a round for each. More frames: `npm run test:page`.
it.each(['states', 'events'])(
  'says the same in pill, picture, cursor and %s in every frame under load',
  async (tab) => {
    const server = await fixture({ sessions: 4 });
    const page = await visit(`${server.url}s/od-0001?tab=${tab}`);
    await page.waitForSelector('.chart .leaf.on');
    const timer = setInterval(() => server.sessions[1]?.step(), 15);
    const { odd, moved } = await disagreements(page, 40);
    clearInterval(timer);
    expect(odd).toEqual([]);
    expect(moved).toBeGreaterThan(5);
  },
);

it('marks the transition that was taken, on the right row of two guarded ones, and lets it go', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const page = await visit(`${server.url}s/od-0000?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const at = '2030-01-01T00:00:00.000000Z';
  server.sessions[0]?.tell({ type: 'turn.started', at, promptId: 'p', prompt: 'x' });
  await page.waitForSelector('[data-edge^="session.phase.active.turn.closed/turn.started"].fire');
  const record = server.sessions[0]?.records.at(-1);
  const fired = await page.$$eval('.row.fire', (all) =>
    all.map((one) => (one as SVGElement).dataset.edge),
  );
  expect(fired).toEqual(record?.edges);
  await page.waitForFunction(
    () => document.querySelectorAll('.chart .fire').length === 0,
    undefined,
    { timeout: 1500 },
  );
});

it('greys an event that was refused, and moves nothing', async () => {
  const server = await fixture({ sessions: 2 }, 3);
  const page = await visit(`${server.url}s/od-0000?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const before = await litStates(page);
  server.sessions[0]?.tell(
    { type: 'interrupt.requested', at: '2030-01-01T00:00:00.000000Z' },
    'client',
  );
  await page.waitForSelector('[data-testid=event-list] .refused');
  expect(await page.locator('.row.fire').count()).toBe(0);
  expect(await litStates(page)).toEqual(before);
});

it.each([
  ['a desk', {}],
  ['a phone', PHONE],
])(
  'is drawn once on %s: no event draws it anew or moves it, whatever the head above it says',
  async (_, options) => {
    const server = await fixture({ sessions: 2 });
    const page = await visit(`${server.url}s/od-0001`, options);
    const chart = page.getByRole('navigation').getByRole('button', { name: 'Chart', exact: true });
    if (await chart.isVisible()) await chart.tap();
    await page.waitForSelector('.chart .leaf.on');
    const world = page.locator('.world');
    await world.evaluate((one) => one.setAttribute('data-drawn', 'once'));
    const before = await world.getAttribute('transform');
    const phases = new Set<string>();
    for (let round = 0; round < 60 || phases.size < 6; round += 1) {
      const { seq } = server.sessions[1]?.step() ?? {};
      for (const path of server.sessions[1]?.row().path ?? []) phases.add(path);
      await page.waitForFunction(
        (wanted) => document.querySelector('[data-testid=now] b')?.textContent === `#${wanted}`,
        seq,
      );
    }
    expect([...phases]).toContain('phase.active.requests.permission');
    expect(await world.getAttribute('data-drawn')).toBe('once');
    expect(await world.getAttribute('transform')).toBe(before);
  },
);

it('stays where it was put while 500 events arrive', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const chart = page.getByTestId('chart');
  const box = await chart.boundingBox();
  if (!box) throw new Error('the chart has no box');
  await page.mouse.move(box.x + 200, box.y + 200);
  await page.mouse.down();
  await page.mouse.move(box.x + 260, box.y + 240, { steps: 4 });
  await page.mouse.up();
  await page.mouse.wheel(0, -200);
  const world = (): Promise<string | null> => page.locator('.world').getAttribute('transform');
  await still(page);
  const before = await world();
  for (let round = 0; round < 500; round += 1) server.sessions[1]?.step();
  await page.waitForFunction(
    (last) => document.querySelector('[data-testid=now]')?.textContent?.includes(`#${last} `),
    server.sessions[1]?.records.at(-1)?.seq,
  );
  expect(await world()).toBe(before);
});
