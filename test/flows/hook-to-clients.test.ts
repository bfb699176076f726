/** Walk (a): a hook goes from its endpoint through the chart to the disk, and out to every subscriber. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ioClient, wsClient } from '../support/clients.ts';
import { differences } from '../support/compare.ts';
import { foldJournal, journalOf, rowsOf } from '../support/database.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, hookKey, scriptOf } from '../support/hooks.ts';
import { observe } from '../support/observer.ts';

let server: WatchedServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

it('shows a turn to clients of both transports alike, frame by frame', async () => {
  await using raw = await observe(wsClient(server.url));
  await using sio = await observe(ioClient(server.url));
  const { start, prompt, toolStarts, asks, toolEnds, stop } = scriptOf('walk-a');
  await deliver(server.url, start());
  await deliver(server.url, prompt('Make a file', 'p1'));
  await raw.settle();
  await sio.settle();
  for (const hook of [toolStarts('t1'), asks(), toolEnds('t1'), stop()]) {
    await deliver(server.url, hook);
  }
  expect(await differences(server.url, raw)).toEqual([]);
  expect(await differences(server.url, sio)).toEqual([]);
  expect(sio.factsOf('walk-a')).toEqual(raw.factsOf('walk-a'));
  const types = new Set(raw.factsOf('walk-a').map(({ type }) => type));
  expect([...types].sort()).toEqual([
    'approval_requested',
    'message_appended',
    'message_updated',
    'session_delta',
  ]);
});

it('has on disk what it acknowledged before the answer leaves', async () => {
  const key = hookKey();
  await deliver(server.url, scriptOf('on-disk').prompt('Hello'), { key });
  const { paths } = server;
  expect(rowsOf(paths, 'SELECT key FROM hook_keys WHERE key = ?', key)).toEqual([{ key }]);
  expect(rowsOf(paths, 'SELECT work_status FROM sessions WHERE id = ?', 'on-disk')).toEqual([
    { work_status: 'working' },
  ]);
  expect(journalOf(paths, 'on-disk').rows.map(({ seq, origin }) => ({ seq, origin }))).toEqual([
    { seq: 1, origin: 'hook' },
  ]);
});

it('numbers the facts of a session without a gap from its first', async () => {
  await using raw = await observe(wsClient(server.url));
  const { prompt, toolStarts, toolEnds, stop } = scriptOf('numbers');
  await deliver(server.url, prompt('Go'));
  await raw.settle();
  for (let round = 0; round < 5; round++) {
    await deliver(server.url, toolStarts(`t${round}`));
    await deliver(server.url, toolEnds(`t${round}`));
  }
  await deliver(server.url, stop());
  expect(await differences(server.url, raw)).toEqual([]);
  const revisions = raw.factsOf('numbers').map(({ revision }) => revision as number);
  const first = revisions[0] ?? 0;
  expect(revisions).toEqual(revisions.map((_, at) => first + at));
  expect(rowsOf(server.paths, 'SELECT revision FROM sessions WHERE id = ?', 'numbers')).toEqual([
    { revision: revisions.at(-1) },
  ]);
  expect(foldJournal(server.paths, 'numbers')).toEqual([]);
});
