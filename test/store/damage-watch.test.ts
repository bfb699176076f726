/** The checks for damage beside a writer that runs. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type DataPaths, dataPaths } from '../../src/config.ts';
import type { Damage } from '../../src/store/damage.ts';
import { startThread, warmUpThread, watchForDamage } from '../../src/store/thread/start.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { created, openStore, tempPaths } from './support.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

/** The first thread of a process is bundled, for which esbuild starts a thread of its own. */
beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'orbitdock-store-'));
  const thread = startThread({ task: 'check', paths: dataPaths(dir), suspicion: null });
  await once(thread, 'exit');
  rmSync(dir, { recursive: true });
});

let threads: Worker[];
const note = (thread: Worker) => threads.push(thread);
beforeEach(() => {
  threads = [];
  process.on('worker', note);
});
afterEach(() => {
  process.off('worker', note);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A sound database that nobody holds open. */
function soundPaths(): DataPaths {
  const store = openStore();
  store.one(created('s'));
  store.database.close();
  return store.paths;
}

/** A watch, with what it logs and finds. */
function watch(paths: DataPaths) {
  const { log, lines } = recordedLog();
  const found: Damage[] = [];
  const watching = watchForDamage({ paths, log, found: (damage) => found.push(damage) });
  onTestFinished(() => watching.stop());
  return { watching, lines, found };
}

const fakeTimers = () =>
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });

/** How many threads were started so far; Node reports one in the next tick. */
async function started(): Promise<number> {
  await new Promise((told) => process.nextTick(told));
  return threads.length;
}

/** Waits until every thread that was started has ended. */
async function ended(): Promise<void> {
  await started();
  const ends = threads.map((thread) => (thread.threadId === -1 ? null : once(thread, 'exit')));
  await Promise.all(ends);
}

describe('a database', () => {
  it('is checked a second after the start and then every day, until the watch is stopped', async () => {
    fakeTimers();
    const { watching, lines, found } = watch(soundPaths());
    vi.advanceTimersByTime(999);
    expect(await started()).toBe(0);
    vi.advanceTimersByTime(1);
    expect(await started()).toBe(1);
    await ended();
    vi.advanceTimersByTime(DAY_MS - 1_001);
    expect(await started()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await started()).toBe(2);
    await ended();
    watching.stop();
    vi.advanceTimersByTime(3 * DAY_MS);
    expect(await started()).toBe(2);
    expect(lines.items.map(({ event }) => event)).toEqual(Array(2).fill('persistence.check.sound'));
    expect(found).toEqual([]);
  });

  it('that is suspected is kept aside at once, and not looked at again', async () => {
    fakeTimers();
    const { watching, lines, found } = watch(soundPaths());
    watching.keep('a page was odd');
    expect(await started()).toBe(1);
    await ended();
    expect(found).toMatchObject([
      { reason: 'a page was odd', copy: expect.stringContaining('corrupt-') },
    ]);
    vi.advanceTimersByTime(3 * DAY_MS);
    expect(await started()).toBe(1);
    expect(lines.items).toEqual([]);
  });

  it('that is found damaged is not looked at again', async () => {
    const paths = soundPaths();
    const { watching } = watch(paths);
    watching.keep('damaged before');
    await ended();
    writeFileSync(paths.database, 'scribble'.repeat(4096));
    fakeTimers();
    const second = watch(paths);
    vi.advanceTimersByTime(1_000);
    await ended();
    expect(second.found).toMatchObject([{ reason: 'damaged before' }]);
    vi.advanceTimersByTime(3 * DAY_MS);
    expect(await started()).toBe(2);
  });

  it('that cannot be opened is reported as not checked', async () => {
    fakeTimers();
    const { lines, found } = watch(tempPaths());
    vi.advanceTimersByTime(1_000);
    await ended();
    expect(lines.items).toMatchObject([{ level: 'warn', event: 'persistence.check.failed' }]);
    expect(found).toEqual([]);
  });
});

it('a check that is stopped says nothing more', async () => {
  const { watching, lines, found } = watch(soundPaths());
  watching.keep('a page was odd');
  watching.stop();
  await ended();
  expect([found, lines.items]).toEqual([[], []]);
});

it('checks that are due keep no process alive', () => {
  const timeouts = vi.spyOn(globalThis, 'setTimeout');
  const intervals = vi.spyOn(globalThis, 'setInterval');
  watch(soundPaths());
  const timers = [...timeouts.mock.results, ...intervals.mock.results];
  expect(timers.map(({ value }) => value.hasRef())).toEqual([false, false]);
});

it('a thread that was warmed up is the one that is started, once', async () => {
  const paths = soundPaths();
  warmUpThread();
  warmUpThread();
  expect(await started()).toBe(1);
  const start = { task: 'check', paths, suspicion: null } as const;
  const first = startThread(start);
  const second = startThread(start);
  const said = await Promise.all([once(first, 'message'), once(second, 'message')]);
  expect(threads).toEqual([first, second]);
  expect(said).toEqual(Array(2).fill([{ type: 'checked', damage: null }]));
  await ended();
});

it('a thread has a small young generation', () => {
  const thread = startThread({ task: 'check', paths: soundPaths(), suspicion: null });
  expect(thread.resourceLimits?.maxYoungGenerationSizeMb).toBe(24);
  return ended();
});
