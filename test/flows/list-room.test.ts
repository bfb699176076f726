/** The list room: summaries for everybody, no revision ever, and nothing that only a session's room knows. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ioClient, type Received, wsClient } from '../support/clients.ts';
import { startWatchedServer, type WatchedServer } from '../support/desktop/watched-server.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier } from '../support/observer.ts';

let server: WatchedServer;
beforeAll(async () => {
  server = await startWatchedServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const LIST_TYPES = ['session_created', 'session_delta', 'session_ended'];

/** What a list may receive in a delta: the fields of a summary. */
const SUMMARY_FIELDS = new Set([
  ...['status', 'work_status', 'token_usage', 'last_activity_at', 'custom_name', 'summary'],
  ...['first_prompt', 'last_message', 'codex_integration_mode', 'claude_integration_mode'],
  ...['approval_policy', 'sandbox_mode', 'permission_mode', 'git_branch', 'git_sha'],
  ...['current_cwd', 'model', 'effort', 'has_pending_approval'],
]);

it('receives summaries without a revision on either transport', async () => {
  await using raw = await wsClient(server.url);
  await using sio = await ioClient(server.url);
  for (const client of [raw, sio]) {
    client.send({ type: 'subscribe_list' });
    await client.waitFor(({ type }) => type === 'sessions_list');
  }
  const { prompt, toolStarts, asks, toolEnds, stop, end } = scriptOf('listed');
  const hooks = [prompt('Go'), toolStarts('t'), asks(), toolEnds('t'), stop(), end()];
  for (const hook of hooks) await deliver(server.url, hook);
  for (const client of [raw, sio]) {
    await barrier(client);
    const news = client.messages.slice(2).filter(({ type }) => type !== 'error');
    expect([...new Set(news.map(({ type }) => type))].sort()).toEqual(LIST_TYPES);
    expect(news.filter((frame) => 'revision' in frame)).toEqual([]);
    expect(fieldsOf(news).filter((field) => !SUMMARY_FIELDS.has(field))).toEqual([]);
    expect(news.at(-1)).toMatchObject({ type: 'session_ended', reason: 'other' });
  }
});

it('receives at most one delta for what one tick committed', async () => {
  const { prompt, toolStarts } = scriptOf('busy');
  await deliver(server.url, prompt('Go'));
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  await barrier(client);
  const from = client.messages.length;
  const hooks = Array.from({ length: 100 }, (_, at) => toolStarts(`t${at}`));
  await Promise.all(hooks.map((hook) => deliver(server.url, hook)));
  await barrier(client);
  const deltas = client.messages.slice(from).filter(({ type }) => type === 'session_delta');
  // A hundred hooks at once come in a few batches; each is reported once, and the last one reports the end.
  expect(deltas.length).toBeLessThan(60);
  expect(deltas.filter((frame) => 'revision' in frame)).toEqual([]);
});

it('says an open request again to a subscriber that asks for the list anew', async () => {
  const { prompt, toolStarts, asks } = scriptOf('waits');
  for (const hook of [prompt('Go'), toolStarts('t'), asks()]) await deliver(server.url, hook);
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_session', session_id: 'waits' });
  await client.waitFor(({ type }) => type === 'session_snapshot');
  const from = client.messages.length;
  client.send({ type: 'subscribe_list' });
  await barrier(client);
  expect(client.messages.slice(from, -1).map(({ type }) => type)).toEqual([
    'sessions_list',
    'approval_requested',
  ]);
});

function fieldsOf(frames: Received[]): string[] {
  return frames.flatMap((frame) =>
    frame.type === 'session_delta' ? Object.keys(frame.changes) : [],
  );
}
