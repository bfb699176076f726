/**
 * Under load: how soon, how much script, how much memory. What was measured is printed.
 *
 * Bounds by the clock are held by the best of up to three windows. The machine is shared, and whatever else
 * runs on it can only add to a window, never take away: the smallest figure is nearest to what the page needs
 * by itself, and a page that is too slow by itself is too slow in all three. So the bounds can be those of the
 * specification, without slack for neighbours.
 */
import type { CDPSession, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { StateValue } from '../../../src/protocol/inspect.ts';
import { activeStates } from '../../../visualizer/src/value.ts';
import { disagreements } from '../support/agreement.ts';
import { fixture, litStates, useBrowser, visit } from '../support/stage.ts';

useBrowser();

it('is usable within three seconds', { retry: 2 }, async () => {
  const server = await fixture({ sessions: 20 });
  const start = performance.now();
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  const took = performance.now() - start;
  report('usable after', `${Math.round(took)} ms`);
  expect(took).toBeLessThan(3000);
});

it('lights exactly the active states after each of 200 events', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 200; round += 1) {
    server.sessions[1]?.step();
    const value = server.sessions[1]?.actor.getSnapshot().value as StateValue;
    const expected = [...activeStates(value, 'session')].filter((id) => id !== 'session').sort();
    await expect
      .poll(async () => (await litStates(page)).sort(), { interval: 5 })
      .toEqual(expected);
  }
});

it.each(['states', 'events'])(
  'agrees with itself in 100 frames under load, %s in sight',
  async (tab) => {
    const server = await fixture({ sessions: 4 });
    const page = await visit(`${server.url}s/od-0001?tab=${tab}`);
    await page.waitForSelector('.chart .leaf.on');
    const stop = server.run(500);
    const { odd, moved } = await disagreements(page, 100);
    stop();
    expect(odd).toEqual([]);
    expect(moved).toBeGreaterThan(5);
  },
);

it('shows an event at once: within 150 ms for 95 of 100', async () => {
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
  const step = () => `#${server.sessions[1]?.step().seq}`;
  const p95 = await best(150, async () => {
    const delays = await delaysOf(page, step);
    const found = delays[Math.floor(delays.length * 0.95)] ?? Number.POSITIVE_INFINITY;
    report('event to picture, p95', `${found} ms, median ${delays[delays.length >> 1]} ms`);
    return found;
  });
  expect(p95).toBeLessThanOrEqual(150);
});

it.each([
  ['the list', 's/od-0001', 200],
  ['the list', 's/od-0001', 1000],
  ['the grid', 'grid', 1000],
])(
  'holds %s (%s) with %i sessions at 500 events a second with little script',
  async (_, path, sessions) => {
    const server = await fixture({ sessions }, 2);
    const page = await visit(server.url + path);
    await page.waitForSelector('.virtual-row, .virtual-tile');
    const stop = server.run(500);
    // The watched session itself is busier than any.
    const busy = setInterval(() => server.sessions[1]?.step(), 1000 / 60);
    await page.waitForTimeout(1500);
    const look = await watchThread(page);
    const used = await best(1, async () => {
      const { script, tasks, long, counted } = await look(10);
      report(
        `${path}, ${sessions} sessions, 500 + 60 events/s`,
        `script ${(script * 100).toFixed(1)} %, all tasks ${(tasks * 100).toFixed(1)} %, long ones ${Math.round(long)} ms in 10 s, ` +
          `${counted.rowMessages} row messages/s, ${counted.commits} commits/s`,
      );
      // What it was sent and how often it painted is nobody else's: that holds in every window.
      expect(counted.rowMessages).toBeLessThanOrEqual(12);
      expect(counted.commits).toBeLessThanOrEqual(60);
      // The largest share of its bound: scripts 15 %, all of the thread 40 %, long tasks 500 ms.
      return Math.max(script / 0.15, tasks / 0.4, long / 500);
    });
    clearInterval(busy);
    stop();
    expect(used).toBeLessThanOrEqual(1);
    expect(await page.locator('.virtual-row, .virtual-tile').count()).toBeLessThanOrEqual(60);
  },
);

it('needs no more than 60 MB after a minute of 1,000 busy sessions', async () => {
  const server = await fixture({ sessions: 1000 }, 2);
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  const stop = server.run(500);
  const busy = setInterval(() => server.sessions[1]?.step(), 100);
  await page.waitForTimeout(60_000);
  clearInterval(busy);
  stop();
  const client = await page.context().newCDPSession(page);
  const heap = await heapOf(client);
  report('heap after a minute of 1,000 sessions', `${(heap / 1e6).toFixed(1)} MB`);
  expect(heap).toBeLessThan(60e6);
  expect(await page.locator('.virtual-row').count()).toBeLessThanOrEqual(60);
});

it('holds no more records than it may, whatever comes', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001`);
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 70; round += 1) {
    for (let event = 0; event < 100; event += 1) server.sessions[1]?.step();
    await page.waitForFunction(
      (seq) => document.querySelector('[data-testid=now] b')?.textContent === `#${seq}`,
      server.sessions[1]?.records.at(-1)?.seq,
    );
  }
  const list = page.locator('[data-testid=event-list] [role=option]').first();
  expect(Number(await list.getAttribute('aria-setsize'))).toBe(6000);
  expect(await page.locator('[data-testid=event-list] .virtual-row').count()).toBeLessThan(60);
});

declare global {
  interface Window {
    seen?: Map<string, number>;
  }
}

/** The smallest figure of up to three windows; no further one once a figure is within the bound. */
async function best(bound: number, measure: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let window = 0; window < 3 && least > bound; window += 1) {
    least = Math.min(least, await measure());
  }
  return least;
}

/** How long each of 100 events took from the session to a frame that shows it, ms, the shortest first. */
async function delaysOf(page: Page, step: () => string): Promise<number[]> {
  const sent = new Map<string, number>();
  for (let round = 0; round < 100; round += 1) {
    sent.set(step(), Date.now());
    await page.waitForTimeout(60);
  }
  const newest = [...sent.keys()].at(-1) ?? '';
  await page.waitForFunction((key) => window.seen?.has(key), newest);
  const seen = await page.evaluate(() => [...(window.seen ?? [])]);
  const delays = seen.flatMap(([key, at]) => {
    const since = sent.get(key);
    return since === undefined ? [] : [at - since];
  });
  // Of events that share a frame only the newest is seen; nearly all must have one of their own.
  expect(delays.length).toBeGreaterThan(60);
  return delays.sort((a, b) => a - b);
}

interface Measured {
  /** Shares of the main thread's time: scripts, and all it does. */
  script: number;
  tasks: number;
  /** Milliseconds of long tasks in all, by the wall. */
  long: number;
  /** A second. */
  counted: { rowMessages: number; commits: number };
}

/** Watches the page's main thread; the result measures so many seconds of it. */
async function watchThread(page: Page): Promise<(seconds: number) => Promise<Measured>> {
  const client = await page.context().newCDPSession(page);
  // The thread's own time: on a busy machine the wall clock counts the neighbours, too.
  await client.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.evaluate(() => {
    const window_ = window as Window & { longMs?: number };
    window_.longMs = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries())
        window_.longMs = (window_.longMs ?? 0) + duration;
    }).observe({ type: 'longtask' });
  });
  const look = async () => ({
    script: await metricOf(client, 'ScriptDuration'),
    tasks: await metricOf(client, 'TaskDuration'),
    long: await page.evaluate(() => (window as Window & { longMs?: number }).longMs ?? 0),
    ...(await page.evaluate(() => ({ ...window.__viz?.stats }))),
  });
  return async (seconds) => {
    const before = await look();
    await page.waitForTimeout(seconds * 1000);
    const after = await look();
    const per = (name: 'rowMessages' | 'commits'): number =>
      ((after[name] ?? 0) - (before[name] ?? 0)) / seconds;
    return {
      script: (after.script - before.script) / seconds,
      tasks: (after.tasks - before.tasks) / seconds,
      long: after.long - before.long,
      counted: { rowMessages: per('rowMessages'), commits: per('commits') },
    };
  };
}

async function metricOf(client: CDPSession, wanted: string): Promise<number> {
  const { metrics } = await client.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN;
}

/** Bytes of what is still reachable. */
async function heapOf(client: CDPSession): Promise<number> {
  await client.send('HeapProfiler.enable');
  await client.send('HeapProfiler.collectGarbage');
  return (await client.send('Runtime.getHeapUsage')).usedSize;
}

function report(what: string, figure: string): void {
  process.stdout.write(`${what}: ${figure}\n`);
}
