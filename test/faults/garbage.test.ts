/**
 * 100,000 malformed messages on all transports, with real sessions and subscribers beside them. Each is
 * refused once or parted from cleanly; nobody else notices, nothing is stored, no memory is lost.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { hashOf } from '../support/canonical.ts';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier } from '../support/observer.ts';
import { createRandom, type Random, seedOfRun } from '../support/random.ts';
import { type SpawnedServer, spawnServer } from '../support/spawned.ts';
import { gather, report, verdictOn } from './crowd.ts';
import {
  abusePacket,
  abusePost,
  abuseSocketIo,
  abuseWs,
  PER_CONNECTION,
} from './garbage/drivers.ts';
import { VIOLATIONS, violate } from './garbage/frames.ts';
import { INSPECTABLE, type MemoryProbe, probeMemory } from './garbage/memory.ts';
import { misask, WRONG_REQUESTS } from './garbage/requests.ts';

/** Messages by endpoint; together 100,000. */
const ROUNDS = 20;
const PER_ROUND = { wsConnections: 20, socketIoConnections: 5, posts: 1050, single: 200 };
const BYSTANDERS = 10;
const MAX_PEAK_MIB = 400;
const MAX_SLOPE_MIB_PER_MINUTE = 1;
/** Rounds with real sessions beside; in the rest only garbage comes, so that what grows grows by it. */
const BUSY_ROUNDS = 12;
/** The load generator sits on the same two cores. */
const MAX_P99_MS = 2000;

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

async function settleBystanders(server: SpawnedServer): Promise<string[]> {
  const ids = Array.from({ length: BYSTANDERS }, (_, at) => `bystander-${at}`);
  for (const id of ids) {
    const { prompt, toolStarts, asks } = scriptOf(id);
    for (const hook of [prompt('Wait'), toolStarts('t'), asks()]) await deliver(server.url, hook);
  }
  return ids;
}

/** One word for everything a new client receives about these sessions. */
async function stateOf(server: SpawnedServer, ids: readonly string[]): Promise<string> {
  await using client = await wsClient(server.url);
  const snapshots: unknown[] = [];
  for (const id of ids) snapshots.push(await snapshotOf(client, id));
  return hashOf(snapshots);
}

/** One round of everything. @returns how much was sent and what was wrong */
async function round(server: SpawnedServer, random: Random): Promise<[number, string[]]> {
  const { port, url } = server;
  const wrong: string[] = [];
  const note = (words: string | null): void => void (words && wrong.push(words));
  const violations = Object.keys(VIOLATIONS);
  const requests = Object.keys(WRONG_REQUESTS);
  const jobs: (() => Promise<unknown>)[] = [
    ...times(PER_ROUND.wsConnections, async () => wrong.push(...(await abuseWs(port, random)))),
    ...times(PER_ROUND.socketIoConnections, async () =>
      wrong.push(...(await abuseSocketIo(port, random))),
    ),
    ...times(PER_ROUND.posts, async () => note(await abusePost(url, random))),
    ...times(PER_ROUND.single, async (at) => {
      if (at % 5 < 2) note(await violate(port, random.pick(violations), random));
      else if (at % 5 < 4) note(await misask(port, random.pick(requests), random));
      else note(await abusePacket(port, random));
    }),
  ];
  const connections = PER_ROUND.wsConnections + PER_ROUND.socketIoConnections;
  await inParallel(shuffled(jobs, random), 24);
  return [connections * PER_CONNECTION + PER_ROUND.posts + PER_ROUND.single, wrong];
}

/** A client beside the garbage: how long its hooks and questions take, in ms. */
function startProbe(server: SpawnedServer): { stop(): Promise<number[]> } {
  const { prompt, toolStarts, toolEnds } = scriptOf('probe');
  const took: number[] = [];
  let isStopping = false;
  const run = async (): Promise<void> => {
    await using client = await wsClient(server.url);
    await deliver(server.url, prompt('Go'));
    for (let at = 0; !isStopping; at++) {
      const from = performance.now();
      await deliver(server.url, at % 2 ? toolEnds(`t${at - 1}`) : toolStarts(`t${at}`));
      await barrier(client);
      took.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const running = run();
  return {
    async stop() {
      isStopping = true;
      await running;
      return took.sort((a, b) => a - b);
    },
  };
}

it('refuses 100,000 pieces of garbage on all transports, and nobody else notices', async () => {
  const random = createRandom(seedOfRun());
  await using server = await spawnServer(program.main, { nodeFlags: INSPECTABLE });
  const bystanders = await settleBystanders(server);
  const before = await stateOf(server, bystanders);
  const paced = () => new Promise<void>((resolve) => setTimeout(resolve, 100));
  const crowd = gather(server, random.fork(), { producers: 3, watchers: 2, pace: paced });
  const probe = startProbe(server);
  using memory = await probeMemory(server.pid, server.output);
  const startedAt = performance.now();
  const wrong: string[] = [];
  let sent = 0;
  let took: number[] = [];
  for (let at = 0; at < ROUNDS; at++) {
    if (at === BUSY_ROUNDS) {
      took = await probe.stop();
      await crowd.quiet();
    }
    const [count, words] = await round(server, random);
    if (at >= BUSY_ROUNDS) await memory.sample();
    sent += count;
    wrong.push(...words);
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  wrong.push(...(await verdictOn(server, crowd)));
  for (const watcher of crowd.watchers) watcher.close();
  wrong.push(...strangersIn(server));
  const p99 = Math.round(took[Math.floor(took.length * 0.99)] ?? 0);
  console.info(
    `${sent} pieces in ${seconds} s, ${wrong.length} wrong; beside it ${crowd.acknowledged} hooks, ` +
      `p99 ${p99} ms; ${wordsFor(memory)}`,
  );
  expect(wrong, report(random, server, wrong)).toEqual([]);
  expect(sent).toBeGreaterThanOrEqual(100_000);
  expect(await stateOf(server, bystanders)).toBe(before);
  expect(memory.peak()).toBeLessThan(MAX_PEAK_MIB);
  expect(memory.slope(), wordsFor(memory)).toBeLessThan(MAX_SLOPE_MIB_PER_MINUTE);
  expect(p99).toBeLessThan(MAX_P99_MS);
  // With somebody at its inspector, node would wait before it ends.
  memory[Symbol.dispose]();
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});

function wordsFor(memory: MemoryProbe): string {
  const shown = (of: 'live' | 'held'): string =>
    memory.samples.map((sample) => sample[of].toFixed(1)).join(' ');
  return (
    `memory peak ${Math.round(memory.peak())} MiB, slope ${memory.slope().toFixed(2)} MiB/min, ` +
    `alive ${shown('live')}, held ${shown('held')}`
  );
}

/** Rows that only garbage can have made. */
function strangersIn({ paths }: SpawnedServer): string[] {
  const ours = ['producer-', 'bystander-', 'probe'];
  const ids = rowsOf<{ id: string }>(
    paths,
    `SELECT id FROM sessions UNION SELECT session_id FROM pending_sessions
     UNION SELECT session_id FROM quarantine UNION SELECT session_id FROM journal`,
  );
  return ids
    .filter(({ id }) => !ours.some((name) => id.startsWith(name)))
    .map(({ id }) => `garbage made a row of ${JSON.stringify(id)}`);
}

function times<T>(count: number, run: (at: number) => T): (() => T)[] {
  return Array.from({ length: count }, (_, at) => () => run(at));
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const keyed = items.map((item) => ({ item, place: random.next() }));
  return keyed.sort((a, b) => a.place - b.place).map(({ item }) => item);
}

async function inParallel(jobs: (() => Promise<unknown>)[], lanes: number): Promise<void> {
  const next = jobs[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const job of next) await job();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
