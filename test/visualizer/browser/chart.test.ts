/** The diagram in a browser: it shows what is, at once, and never moves by itself. */

import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { describeMachine, sessionMachine } from '../../../machines/index.ts';
import type { StateValue } from '../../../src/protocol/inspect.ts';
import { activeStates, leavesOf } from '../../../visualizer/src/value.ts';
import { fixture, litStates, useBrowser, visit } from './stage.ts';

useBrowser();
const DIST = new URL('../../../dist/visualizer/', import.meta.url).pathname;

function stateOf(server: Awaited<ReturnType<typeof fixture>>, index: number): StateValue {
  return server.sessions[index]?.actor.getSnapshot().value as StateValue;
}

it('is usable within three seconds and stays in its size', async () => {
  const server = await fixture({ sessions: 20 });
  const start = performance.now();
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  expect(performance.now() - start).toBeLessThan(3000);
  const sizes = { js: 0, css: 0, woff2: 0 };
  for (const name of readdirSync(`${DIST}assets`)) {
    const kind = name.split('.').at(-1) as keyof typeof sizes;
    if (!(kind in sizes)) continue;
    const bytes = readFileSync(`${DIST}assets/${name}`);
    sizes[kind] += kind === 'woff2' ? bytes.length : gzipSync(bytes, { level: 9 }).length;
    if (kind === 'js') expect(bytes.toString()).not.toMatch(/elk\.layered|eclipse/);
  }
  expect(sizes.js).toBeLessThanOrEqual(45 * 1024);
  expect(sizes.css).toBeLessThanOrEqual(8 * 1024);
  expect(sizes.woff2).toBeLessThanOrEqual(100 * 1024);
});

it('draws every state and every transition of the machine that runs', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001`, { viewport: { width: 2200, height: 1300 } });
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

it('lights exactly the active states after each of 200 events', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 200; round += 1) {
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
  expect(await page.locator('.chart .state.leaf.on').count()).toBe(2);
});

it('says the same in pill, outline, picture and log in every frame under load', async () => {
  const server = await fixture({ sessions: 4 });
  const page = await visit(`${server.url}s/od-0001?tab=states`);
  await page.waitForSelector('.chart .leaf.on');
  const timer = setInterval(() => server.sessions[1]?.step(), 15);
  const odd = await page.evaluate(async () => {
    const found: string[] = [];
    for (let frame = 0; frame < 100; frame += 1) {
      await new Promise(requestAnimationFrame);
      await new Promise((resolve) => setTimeout(resolve));
      const lit = [...document.querySelectorAll<SVGElement>('.chart .leaf.on')].map(
        (one) => one.dataset.state,
      );
      const outline = [...document.querySelectorAll<HTMLElement>('.outline-state.on')].map(
        (one) => one.dataset.outline,
      );
      const pill = document.querySelector('[data-testid=pill]')?.textContent;
      const phase = lit.find((id) => id?.startsWith('session.phase.'))?.slice(14);
      if (pill !== phase) found.push(`pill ${pill} but ${phase}`);
      if (!lit.every((id) => outline.includes(id))) found.push(`outline ${outline} but ${lit}`);
    }
    return found;
  });
  clearInterval(timer);
  expect(odd).toEqual([]);
});

it('marks the transition that was taken, on the right row of two guarded ones, and lets it go', async () => {
  const server = await fixture({ sessions: 2 }, 0);
  const page = await visit(`${server.url}s/od-0000`);
  await page.waitForSelector('.chart .leaf.on');
  const at = '2030-01-01T00:00:00.000000Z';
  server.sessions[0]?.tell({ type: 'turn.started', at, promptId: 'p', prompt: 'x' });
  await page.waitForSelector('[data-edge^="session.phase.idle/turn.started"].fire');
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
  const page = await visit(`${server.url}s/od-0000`);
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

it('stays where it was put while 500 events arrive', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001`);
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
  await page.waitForTimeout(100);
  const before = await world();
  for (let round = 0; round < 500; round += 1) server.sessions[1]?.step();
  await page.waitForFunction(
    (last) => document.querySelector('[data-testid=now]')?.textContent?.includes(`#${last} `),
    server.sessions[1]?.records.at(-1)?.seq,
  );
  expect(await world()).toBe(before);
});

// A time that machines under load keep too; 150 ms is what an idle one must reach (printed).
it('shows an event at once: the 95th percentile is far below a second', { retry: 2 }, async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  // The browser's frames and the test run on the same cores: its own clock measures.
  await page.evaluate(() => {
    const seen = new Map<string, number>();
    Object.assign(window, { seen });
    const look = (): void => {
      const words = document.querySelector('[data-testid=now] b')?.textContent ?? '';
      if (!seen.has(words)) seen.set(words, Date.now());
      requestAnimationFrame(look);
    };
    look();
  });
  const sent = new Map<string, number>();
  for (let round = 0; round < 100; round += 1) {
    sent.set(`#${server.sessions[1]?.step().seq}`, Date.now());
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  await page.waitForTimeout(300);
  const seen = await page.evaluate(() => [
    ...(window as unknown as { seen: Map<string, number> }).seen,
  ]);
  const delays = seen
    .flatMap(([key, at]) => (sent.has(key) ? [at - (sent.get(key) as number)] : []))
    .sort((a, b) => a - b);
  expect(delays.length).toBeGreaterThan(60);
  const p95 = delays[Math.floor(delays.length * 0.95)] ?? Number.POSITIVE_INFINITY;
  process.stdout.write(`event to picture: p95 ${Math.round(p95)} ms\n`);
  expect(p95).toBeLessThan(800);
  expect(leavesOf(stateOf(server, 1)).length).toBe(2);
});

it('holds 200 sessions at 500 events a second with little script and no flood of messages', {
  retry: 2,
}, async () => {
  const server = await fixture({ sessions: 200 }, 2);
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  const stop = server.run(500);
  await page.waitForTimeout(1500);
  const client = await page.context().newCDPSession(page);
  await client.send('Performance.enable');
  const script = async (): Promise<number> =>
    (await client.send('Performance.getMetrics')).metrics.find(
      ({ name }) => name === 'ScriptDuration',
    )?.value ?? 0;
  const counted = (): Promise<Record<string, number>> =>
    page.evaluate(() => ({ ...window.__viz?.stats }) as Record<string, number>);
  const [scriptBefore, before] = [await script(), await counted()];
  await page.waitForTimeout(10_000);
  const [scriptAfter, after] = [await script(), await counted()];
  stop();
  const per = (name: string): number => ((after[name] ?? 0) - (before[name] ?? 0)) / 10;
  expect((scriptAfter - scriptBefore) / 10).toBeLessThan(0.15);
  expect(per('rowMessages')).toBeLessThanOrEqual(12);
  expect(per('commits')).toBeLessThanOrEqual(60);
  expect(await page.locator('.virtual-row').count()).toBeLessThanOrEqual(60);
});
