/**
 * The server is restarted under 200 clients while hooks go on coming. They come back
 * at a rate that it can bear, each with the revision it has, and nobody misses or repeats a thing.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Build, build } from '../support/build.ts';
import { canonicalSession } from '../support/canonical.ts';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { createRandom } from '../support/random.ts';
import { spawnServer } from '../support/spawned.ts';
import { type TypedClient, typedClient } from '../support/typed-client.ts';

const CLIENTS = 200;
const SESSIONS = 20;
const MAX_PER_SECOND = 50;
const CONVERGED_WITHIN_MS = 10_000;

let program: Build;
beforeAll(async () => {
  program = await build();
});
afterAll(() => program[Symbol.dispose]());

const ids = Array.from({ length: SESSIONS }, (_, at) => `storm-${at}`);

/** Most moments of a list within any one second. */
function busiestSecond(moments: readonly number[]): number {
  const sorted = [...moments].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((from) => sorted.filter((t) => t >= from && t < from + 1000).length),
  );
}

/** The facts of a session in the order in which a client received them. */
function revisionsOf(client: TypedClient, id: string, from: number): number[] {
  return client.frames.items.slice(from).flatMap((frame) => {
    const { session_id, revision } = frame as { session_id?: string; revision?: number };
    return session_id === id && revision !== undefined ? [revision] : [];
  });
}

it(`brings ${CLIENTS} clients back within ${CONVERGED_WITHIN_MS} ms, none missing anything`, async () => {
  // Chance decides when each comes; how close they come to the limit shall not differ from run to run.
  const random = createRandom(23);
  await using server = await spawnServer(program.main);
  for (const id of ids) await deliver(server.url, scriptOf(id).prompt('Before'));
  const clients = Array.from({ length: CLIENTS }, (_, at) => {
    const chance = random.fork();
    const client = typedClient(server.url, {
      pace: { firstMs: 1000, maxMs: 10_000 },
      random: () => chance.next(),
    });
    const watched = [ids[at % SESSIONS], ids[(at * 7 + 3) % SESSIONS]] as [string, string];
    for (const id of watched) client.watch(id);
    return { client, watched, connectedAt: 0, received: 0 };
  });
  try {
    for (const { client, watched } of clients) {
      for (const id of watched) await client.until(id, () => true);
    }
    for (const each of clients) {
      each.received = each.client.frames.items.length;
      each.client.on('link', ({ kind }) => {
        if (kind === 'online') each.connectedAt = performance.now();
      });
    }
    const exit = await server.kill('SIGTERM');
    await server.start();
    const upAt = performance.now();
    for (let round = 0; round < 10; round++) {
      for (const id of ids) {
        const script = scriptOf(id);
        await deliver(server.url, script.toolStarts(`t${round}`));
        await deliver(server.url, script.toolEnds(`t${round}`));
      }
    }
    for (const id of ids) await deliver(server.url, scriptOf(id).stop('After the storm'));
    const snapshots = new Map<string, object>();
    await using newcomer = await wsClient(server.url);
    for (const id of ids) snapshots.set(id, canonicalSession(await snapshotOf(newcomer, id)));
    const isThere = ({ messages }: { messages: readonly { content: string }[] }) =>
      messages.at(-1)?.content === 'After the storm';
    for (const { client, watched } of clients) {
      for (const id of watched) await client.until(id, isThere);
      await client.rest();
    }
    const convergedMs = Math.round(performance.now() - upAt);

    const wrong: string[] = [];
    for (const [at, { client, watched, received }] of clients.entries()) {
      for (const id of watched) {
        const view = JSON.stringify(canonicalSession(client.session(id) ?? {}));
        if (view !== JSON.stringify(snapshots.get(id))) wrong.push(`client ${at}: ${id} differs`);
        const revisions = revisionsOf(client, id, received);
        const isAscending = revisions.every((r, i) => i === 0 || r >= (revisions[i - 1] ?? 0));
        if (!isAscending) wrong.push(`client ${at}: ${id} heard ${revisions.join(' ')}`);
      }
      const types = client.frames.items.slice(received).map(({ type }) => type);
      if (types.includes('session_snapshot')) wrong.push(`client ${at} needed a snapshot`);
      const refused = client.frames.items.filter(({ type }) => type === 'error');
      wrong.push(...refused.map((frame) => `client ${at}: ${JSON.stringify(frame)}`));
    }
    const busiest = busiestSecond(clients.map(({ connectedAt }) => connectedAt));
    console.info(
      `${CLIENTS} clients back ${convergedMs} ms after the start, at most ${busiest} in a second`,
    );
    expect(wrong, server.output.slice(-2000)).toEqual([]);
    expect(exit).toEqual({ code: 0, signal: null });
    expect(busiest).toBeLessThanOrEqual(MAX_PER_SECOND);
    expect(convergedMs).toBeLessThan(CONVERGED_WITHIN_MS);
  } finally {
    for (const { client } of clients) client.close();
  }
}, 120_000);
