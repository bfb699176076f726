/**
 * Under load: how soon, how much script, how much memory. What was measured is printed.
 *
 * The bounds are those of the specification, which means an idle machine; this one is shared. So each is held
 * against what the page itself takes. Tasks are timed by the thread's own clock, on which a task that had to
 * wait for its core is no longer for it. An event's way to the picture is timed by the wall beside a message
 * that does nothing, sent after the same wait over the same line into the same frames: what that one is late,
 * the machine is late. And because a neighbour only ever adds, the best of up to three windows counts: a page
 * that is too slow by itself is too slow in all of them.
 */
import { gzipSync } from 'node:zlib';
import type { CDPSession, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { StateValue } from '../../../src/protocol/inspect.ts';
import { activeStates } from '../../../visualizer/src/state-value.ts';
import { disagreements } from '../support/agreement.ts';
import { asks, fixture, litStates, useBrowser, visit } from '../support/browser-page.ts';

useBrowser();

it('is usable within three seconds', { retry: 2 }, async () => {
  const server = await fixture({ sessions: 20 });
  const start = performance.now();
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  const took = performance.now() - start;
  report('usable after', `${Math.round(took)} ms`);
  expect(took).toBeLessThan(3000);
});

it('paints within a second, and shows the first request whole soon after', {
  retry: 2,
}, async () => {
  const server = await fixture({ sessions: 200 }, 6);
  asks(server.sessions[1], { command: 'npm test' });
  const page = await visit(`${server.url}inbox`);
  await page.locator('.approval').waitFor();
  const [paint, shown] = await page.evaluate(() => [
    performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
    performance.now(),
  ]);
  report('first paint', `${Math.round(paint)} ms, the first request after ${Math.round(shown)} ms`);
  expect(paint).toBeLessThan(1000);
  expect(shown).toBeLessThan(3000);
});

it('brings at most 120 kB of script, compressed, before anything is opened', async () => {
  const server = await fixture({ sessions: 20 });
  const scripts: Promise<Buffer>[] = [];
  const page = await visit(server.url, {
    seen: async (fresh) => {
      fresh.on('response', (response) => {
        if (response.url().endsWith('.js')) scripts.push(response.body());
      });
    },
  });
  await page.locator('.virtual-row, .approval').first().waitFor();
  const sizes = (await Promise.all(scripts)).map((body) => gzipSync(body, { level: 9 }).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  report('script at first view', `${(total / 1000).toFixed(1)} kB in ${sizes.length} files`);
  expect(total).toBeLessThan(120_000);
});

it('lights exactly the active states after each of 200 events', async () => {
  const server = await fixture({ sessions: 2 });
  const page = await visit(`${server.url}s/od-0001?tab=events`);
  await page.waitForSelector('.chart .leaf.on');
  for (let round = 0; round < 200; round += 1) {
    server.sessions[1]?.step();
    const value = server.sessions[1]?.chart.snapshot.value as StateValue;
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

it('shows an event at once while 200 sessions are busy: within 100 ms for 95 of 100', async () => {
  const server = await fixture({ sessions: 200 }, 2);
  const page = await visit(`${server.url}s/od-0001?tab=events`, { seen: stampFrames });
  await page.waitForSelector('.chart .leaf.on');
  const stop = server.run(500);
  const step = (): string => {
    const seq = server.sessions[1]?.step().seq;
    setTimeout(() => server.io.of('/inspect').emit('beat', seq), GATHER_MS);
    return `#${seq}`;
  };
  const own = await best(100, async () => {
    const { events, beats } = await delaysOf(page, step);
    const late = Math.max(0, p95(beats) - GATHER_MS - FRAME_MS);
    report('event to picture, p95', `${p95(events)} ms while the machine is ${late} ms late`);
    return p95(events) - late;
  });
  stop();
  expect(own).toBeLessThanOrEqual(100);
});

it.each([
  ['the list', 's/od-0001?tab=events', 200],
  ['the list', 's/od-0001?tab=events', 1000],
  ['the grid', 'grid', 1000],
  ['the board', 'board', 1000],
])(
  'holds %s (%s) with %i sessions at 500 events a second with little script',
  async (_, path, sessions) => {
    const server = await fixture({ sessions }, 2);
    const page = await visit(server.url + path);
    await page.waitForSelector('.virtual-row, .virtual-tile, .board-card');
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
    const drawn = page.locator('.virtual-row, .virtual-tile, .board-card');
    expect(await drawn.count()).toBeLessThanOrEqual(60);
  },
);

it('scrolls through 2,000 sessions with at most 60 rows in the document and no long pause', async () => {
  const server = await fixture({ sessions: 2000 }, 3);
  const stop = server.run(200);
  const page = await visit(`${server.url}sessions`, { viewport: { width: 1440, height: 900 } });
  await page.locator('.virtual-row').first().waitFor();
  const client = await page.context().newCDPSession(page);
  const scroll = () =>
    page.getByTestId('session-list').evaluate(async (list) => {
      let most = 0;
      let frames = 0;
      const bottom = list.scrollHeight - list.clientHeight;
      for (let at = 0; at <= bottom; at += 1500) {
        list.scrollTop = at;
        await new Promise(requestAnimationFrame);
        frames += 1;
        most = Math.max(most, list.querySelectorAll('.virtual-row').length);
      }
      return { most, frames, bottom };
    });
  const { longest, result: seen } = await longTasks(client, scroll);
  stop();
  const words = { ...seen, longest: Math.round(longest) };
  report('list of 2,000, scrolled to its end', JSON.stringify(words));
  // By the thread's own clock: the machine is shared.
  expect(longest).toBeLessThan(100);
  expect(seen.bottom).toBeGreaterThan(100_000);
  expect(seen.most).toBeLessThanOrEqual(60);
});

it('needs no more than 60 MB after a minute of 1,000 busy sessions', async () => {
  const server = await fixture({ sessions: 1000 }, 2);
  const page = await visit(`${server.url}s/od-0001?tab=events`);
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
  const page = await visit(`${server.url}s/od-0001?tab=events`);
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

/** How long the server gathers records, and how long a frame lasts, ms. */
const GATHER_MS = 50;
const FRAME_MS = 17;

declare global {
  interface Window {
    /** When a frame first showed an event, and when one first could have shown its beat. */
    seen: Map<string, number>;
    beaten: Map<string, number>;
  }
}

/** Has the page stamp its frames: the browser and the test share the cores, so its own clock measures. */
async function stampFrames(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const [seen, beaten] = [new Map<string, number>(), new Map<string, number>()];
    Object.assign(window, { seen, beaten });
    const look = (): void => {
      const words = document.querySelector('[data-testid=now] b')?.textContent ?? '';
      if (!seen.has(words)) seen.set(words, Date.now());
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    window.WebSocket = class extends WebSocket {
      constructor(url: string | URL) {
        super(url);
        this.addEventListener('message', ({ data }) => {
          const [, seq] = /"beat",(\d+)/.exec(String(data)) ?? [];
          if (seq) requestAnimationFrame(() => beaten.set(`#${seq}`, Date.now()));
        });
      }
    };
  });
}

function p95(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length * 0.95)] ?? Number.POSITIVE_INFINITY;
}

/** The smallest figure of up to three windows; no further one once a figure is within the bound. */
async function best(bound: number, measure: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let window = 0; window < 3 && least > bound; window += 1) {
    least = Math.min(least, await measure());
  }
  return least;
}

/** How long 100 events and their beats took from the session to a frame, ms, the shortest first. */
async function delaysOf(page: Page, step: () => string) {
  const sent = new Map<string, number>();
  for (let round = 0; round < 100; round += 1) {
    sent.set(step(), Date.now());
    await page.waitForTimeout(60);
  }
  const newest = [...sent.keys()].at(-1) ?? '';
  await page.waitForFunction((key) => window.seen.has(key) && window.beaten.has(key), newest);
  const stamps = await page.evaluate(() => [[...window.seen], [...window.beaten]] as const);
  const [events, beats] = stamps.map((some) =>
    some
      .flatMap(([key, at]) => {
        const since = sent.get(key);
        return since === undefined ? [] : [at - since];
      })
      .sort((a, b) => a - b),
  ) as [number[], number[]];
  // Of events that share a frame only the newest is seen; nearly all must have one of their own.
  expect(events.length).toBeGreaterThan(60);
  return { events, beats };
}

interface Measured {
  /** Shares of the main thread's time: scripts, and all it does. */
  script: number;
  tasks: number;
  /** Milliseconds of tasks longer than 50 in all. */
  long: number;
  /** A second. */
  counted: { rowMessages: number; commits: number };
}

/** Watches the page's main thread; the result measures so many seconds of it. */
async function watchThread(page: Page): Promise<(seconds: number) => Promise<Measured>> {
  const client = await page.context().newCDPSession(page);
  // The thread's own time: on a busy machine the wall clock counts the neighbours, too.
  await client.send('Performance.enable', { timeDomain: 'threadTicks' });
  const look = async () => ({
    script: await metricOf(client, 'ScriptDuration'),
    tasks: await metricOf(client, 'TaskDuration'),
    ...(await page.evaluate(() => ({ ...window.__viz?.stats }))),
  });
  return async (seconds) => {
    const { long, result } = await longTasks(client, async () => {
      const before = await look();
      await page.waitForTimeout(seconds * 1000);
      return { before, after: await look() };
    });
    const { before, after } = result;
    const per = (name: 'rowMessages' | 'commits'): number =>
      ((after[name] ?? 0) - (before[name] ?? 0)) / seconds;
    return {
      script: (after.script - before.script) / seconds,
      tasks: (after.tasks - before.tasks) / seconds,
      long,
      counted: { rowMessages: per('rowMessages'), commits: per('commits') },
    };
  };
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Time of the thread itself, microseconds. */
  tdur?: number;
  args: { name?: string };
}

/** Milliseconds of the main thread's long tasks while `run` runs, and of the longest, by the thread's own clock. */
async function longTasks<T>(client: CDPSession, run: () => Promise<T>) {
  const events: TraceEvent[] = [];
  const collect = ({ value }: { value: object[] }) => events.push(...(value as TraceEvent[]));
  client.on('Tracing.dataCollected', collect);
  const includedCategories = ['disabled-by-default-devtools.timeline'];
  await client.send('Tracing.start', { traceConfig: { includedCategories } });
  const result = await run();
  const complete = new Promise((resolve) => client.once('Tracing.tracingComplete', resolve));
  await client.send('Tracing.end');
  await complete;
  client.off('Tracing.dataCollected', collect);
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid}/${tid}`;
  const mains = events.filter(({ args }) => args.name === 'CrRendererMain').map(threadOf);
  const tasks = events.filter((one) => one.name === 'RunTask' && mains.includes(threadOf(one)));
  // Without a task nothing was measured, and nothing may be concluded.
  expect(tasks.length).toBeGreaterThan(0);
  const lengths = tasks.map(({ tdur = 0 }) => tdur / 1000);
  const long = lengths.filter((ms) => ms > 50).reduce((sum, ms) => sum + ms, 0);
  return { long, longest: Math.max(...lengths), result };
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
