/** Warming up: the way of a hook is run once before the first one comes, and nobody notices. */
import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { rehearseHook } from '../../src/runtime/runtime.ts';
import { wsClient } from '../support/clients.ts';
import { rowsOf } from '../support/database.ts';
import { noCodex } from '../support/no-codex.ts';
import { startTestServer } from '../support/server.ts';

it('takes a hook through the chart, by itself after the start, and leaves no trace', async () => {
  await using server = await startTestServer();
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  const log = () => readFileSync(server.paths.log, 'utf8');
  await vi.waitFor(() => expect(log()).toContain('"event":"server.warm"'), 8000);
  for (const table of ['sessions', 'messages', 'journal', 'pending_sessions', 'hook_keys']) {
    expect([table, rowsOf(server.paths, `SELECT 1 FROM ${table}`)]).toEqual([table, []]);
  }
  const list = await client.waitFor(({ type }) => type === 'sessions_list');
  expect(list).toMatchObject({ sessions: [] });
  expect(client.messages.map(({ type }) => type)).toEqual(['hello', 'sessions_list']);

  const step = rehearseHook(noCodex().providers);
  expect(step).toMatchObject({ accepted: true });
  expect(step.facts.map(({ type }) => type)).toContain('message_appended');
});
