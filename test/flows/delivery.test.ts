/** Acknowledged means stored, once and in order: under repeats, restarts, crowds and storage trouble. */
import { once } from 'node:events';
import { connect } from 'node:net';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { gapsOf, lostKeys, orderOf } from '../support/audit.ts';
import { build } from '../support/build.ts';
import { wsClient } from '../support/clients.ts';
import { differences } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import { startWatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, hookKey, postHook, scriptOf } from '../support/hooks.ts';
import { observe } from '../support/observer.ts';
import { type Producer, startProducer } from '../support/producers.ts';
import { createRandom, seedOfRun } from '../support/random.ts';
import type { TestServer } from '../support/server.ts';
import { spawnServer } from '../support/spawned.ts';

const seed = seedOfRun();
const random = createRandom(seed);
let server: TestServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** What is wrong with what these producers received; they must have stopped. */
function faultsOf(paths: TestServer['paths'], producers: readonly Producer[]): string[] {
  return producers.flatMap(({ session, acknowledged, surprises }) => [
    ...surprises,
    ...lostKeys(paths, acknowledged).map((key) => `${session} lost ${key}`),
    ...orderOf(paths, session, acknowledged),
    ...gapsOf(paths, session),
  ]);
}

describe('a repeated key', () => {
  it('takes effect once, also when both come at the same time', async () => {
    const { prompt, stop } = scriptOf('twice');
    const key = hookKey();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => postHook(server.url, prompt('Only once'), { key })),
    );
    expect(answers.every(({ status }) => status === 204)).toBe(true);
    await deliver(server.url, stop(), { key: hookKey() });
    expect((await postHook(server.url, prompt('Only once'), { key })).status).toBe(204);
    const sql = 'SELECT type, content FROM messages WHERE session_id = ? ORDER BY sequence';
    expect(rowsOf(server.paths, sql, 'twice')).toEqual([
      { type: 'user', content: 'Only once' },
      { type: 'assistant', content: 'Done.' },
    ]);
  });

  it('is known again after a restart, and moves nobody', async () => {
    const { prompt, stop } = scriptOf('before-and-after');
    const keys = [hookKey(), hookKey()] as const;
    await deliver(server.url, prompt('First'), { key: keys[0] });
    await deliver(server.url, stop(), { key: keys[1] });
    await server.restart();
    await using observer = await observe(wsClient(server.url));
    await observer.settle();
    const before = observer.model.sessions.get('before-and-after')?.revision;
    await deliver(server.url, prompt('First'), { key: keys[0] });
    await deliver(server.url, stop(), { key: keys[1] });
    expect(await differences(server.url, observer)).toEqual([]);
    expect(observer.model.sessions.get('before-and-after')?.revision).toBe(before);
    expect(observer.model.list.get('before-and-after')).toMatchObject({ work_status: 'waiting' });
  });

  it('takes effect once in a tenth of all hooks of busy sessions over restarts', async () => {
    let hooks = 0;
    let up = Promise.resolve();
    const producers = Array.from({ length: 6 }, (_, at) =>
      startProducer({
        url: server.url,
        session: `repeating-${at}`,
        random: random.fork(),
        duplicates: 0.1,
        whenUp: () => up,
        pace: async () => void hooks++,
      }),
    );
    await using observer = await observe(wsClient(server.url));
    for (const target of [100, 200]) {
      await reached(() => hooks >= target);
      await observer.client.close();
      up = server.restart();
      await up;
    }
    await reached(() => hooks >= 300);
    for (const producer of producers) producer.stop();
    await Promise.all(producers.map(({ done }) => done));
    expect(faultsOf(server.paths, producers), `SEED=${seed}`).toEqual([]);
    expect(producers.reduce((sum, { repeated }) => sum + repeated, 0)).toBeGreaterThan(5);
    await using back = await observe(wsClient(server.url), observer.model);
    expect(await differences(server.url, back), `SEED=${seed}`).toEqual([]);
  });
});

it('keeps the hooks of each session in the order they came in, however many come at once', async () => {
  const sessions = Array.from({ length: 8 }, (_, at) => `pipelined-${at}`);
  const keys = await Promise.all(sessions.map((session) => pipeline(session, 60)));
  for (const [at, session] of sessions.entries()) {
    // What `orderOf` leaves out is the announcing start, which these sessions do not have.
    const received = [{ session, key: '', event: '', answeredMs: 0 }, ...(keys[at] ?? [])];
    expect(orderOf(server.paths, session, received)).toEqual([]);
    expect(gapsOf(server.paths, session)).toEqual([]);
  }
});

/** Writes many hooks of a session into one socket without waiting for an answer. */
async function pipeline(session: string, count: number) {
  const { toolStarts } = scriptOf(session);
  const socket = connect(server.port, '127.0.0.1');
  let answers = '';
  socket.on('data', (chunk) => {
    answers += chunk.toString('latin1');
  });
  const sent = Array.from({ length: count }, (_, at) => {
    const key = hookKey();
    const body = JSON.stringify(toolStarts(`t${at}`));
    const last = at === count - 1 ? 'Connection: close\r\n' : '';
    socket.write(
      `POST /api/hook HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nIdempotency-Key: ${key}\r\n` +
        `${last}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return { session, key, event: 'PreToolUse', answeredMs: 0 };
  });
  await once(socket, 'close');
  expect(answers.match(/HTTP\/1.1 204/g)).toHaveLength(count);
  return sent;
}

it('says 503 and shows nothing new while another program holds the database, then goes on', async () => {
  const id = 'in-trouble';
  const { prompt, toolStarts, stop } = scriptOf(id);
  await deliver(server.url, prompt('Go'));
  await using observer = await observe(wsClient(server.url));
  await observer.settle();
  const { revision } = observer.model.sessions.get(id) ?? {};
  using foreign = holdDatabase(server.paths);
  const waiting = deliver(server.url, toolStarts('t1'));
  await vi.waitFor(
    async () => expect(await healthOf(server.url)).toMatchObject({ degraded: 'busy' }),
    { interval: 50, timeout: 10_000 },
  );
  const refused = await postHook(server.url, toolStarts('t2'));
  expect(refused.status).toBe(503);
  expect(JSON.parse(refused.body)).toMatchObject({ error: { code: 'storage_unavailable' } });
  await observer.settle();
  expect(observer.model.sessions.get(id)?.revision).toBe(revision);
  await using newcomer = await observe(wsClient(server.url));
  await newcomer.settle();
  expect(newcomer.model.sessions.get(id)?.revision).toBe(revision);
  foreign.release();
  await waiting;
  await deliver(server.url, stop());
  expect(await healthOf(server.url)).not.toHaveProperty('degraded');
  expect(await differences(server.url, observer)).toEqual([]);
  const sql = `SELECT count(*) AS tools FROM messages WHERE session_id = ? AND type = 'tool'`;
  expect(rowsOf(server.paths, sql, id)).toEqual([{ tools: 1 }]);
});

it('loses nothing it acknowledged when it is stopped under load, and ends with 0', async () => {
  using program = await build();
  await using spawned = await spawnServer(program.main);
  let hooks = 0;
  const producers = Array.from({ length: 10 }, (_, at) =>
    startProducer({
      url: spawned.url,
      session: `loaded-${at}`,
      random: random.fork(),
      duplicates: 0.1,
      whenUp: spawned.whenUp.bind(spawned),
      pace: async () => void hooks++,
    }),
  );
  await reached(() => hooks >= 200);
  expect(await spawned.kill('SIGTERM'), spawned.output).toEqual({ code: 0, signal: null });
  const acknowledged = producers.flatMap((producer) => [...producer.acknowledged]);
  expect(acknowledged.length).toBeGreaterThan(100);
  expect(lostKeys(spawned.paths, acknowledged), `SEED=${seed}`).toEqual([]);
  await spawned.start();
  for (const producer of producers) producer.stop();
  await Promise.all(producers.map(({ done }) => done));
  expect(faultsOf(spawned.paths, producers), `SEED=${seed}`).toEqual([]);
});

/** Waits until it is so. */
function reached(isSo: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(isSo()).toBe(true), { interval: 10, timeout: 15_000 });
}

/** Another program that writes for long; it lets go when asked to, or when the test is over. */
function holdDatabase({ database }: TestServer['paths']): Disposable & { release(): void } {
  const foreign = new Database(database);
  foreign.exec('BEGIN EXCLUSIVE');
  const release = () => void foreign.close();
  return { release, [Symbol.dispose]: release };
}

async function healthOf(url: string): Promise<unknown> {
  return (await fetch(`${url}/health`)).json();
}
