/**
 * Another program writes into our database: while no server runs its rows are believed, while one runs they are
 * put back. Whatever it wrote, list and session say the same, and the session goes on.
 */
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionState, SessionSummary } from '../../src/protocol/nouns.ts';
import { received } from '../support/asking.ts';
import { wsClient } from '../support/clients.ts';
import { snapshotOf } from '../support/compare.ts';
import { rowsOf } from '../support/database.ts';
import { deliver, scriptOf } from '../support/hooks.ts';
import { barrier } from '../support/observer.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
const id = 'shared';
const script = scriptOf(id);

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server[Symbol.asyncDispose]());

/** What a SQLite shell or the reference server would do. */
function write(sql: string, ...values: string[]): void {
  const database = new Database(server.paths.database);
  try {
    if (database.prepare(sql).run(...values).changes === 0)
      throw new Error(`Nothing changed: ${sql}`);
  } finally {
    database.close();
  }
}

async function whileAway(...changes: string[]): Promise<void> {
  await server.stop();
  for (const sql of changes) write(sql);
  await server.start();
}

/** The session as it is shown, after list and snapshot were found to agree. */
async function shown(): Promise<{ row: SessionSummary; state: SessionState }> {
  await using client = await wsClient(server.url);
  client.send({ type: 'subscribe_list' });
  await barrier(client);
  const row = received(client, 'sessions_list')[0]?.sessions.find((each) => each.id === id);
  const state = await snapshotOf(client, id);
  if (!row) throw new Error('The session is not in the list');
  expect([state.status, state.work_status]).toEqual([row.status, row.work_status]);
  expect(row.has_pending_approval).toBe(state.pending_approval !== null);
  return { row, state };
}

const SET = `UPDATE sessions SET`;

describe('while no server runs', () => {
  it('a turn that it began is open, and the stop that comes ends it', async () => {
    await deliver(server.url, script.prompt('a'));
    await deliver(server.url, script.stop());
    const before = (await shown()).state;
    await whileAway(`${SET} work_status = 'working', custom_name = 'Elsewhere' WHERE id = '${id}'`);
    const { row, state } = await shown();
    expect(row).toMatchObject({ work_status: 'working', custom_name: 'Elsewhere' });
    expect(state.epoch).not.toBe(before.epoch);
    expect(state.revision).toBeGreaterThan(before.revision);
    await using client = await wsClient(server.url);
    const { revision: since_revision, epoch } = before;
    client.send({ type: 'subscribe_session', session_id: id, since_revision, epoch });
    await barrier(client);
    expect(received(client, 'session_snapshot')).toHaveLength(1);
    await deliver(server.url, script.stop());
    expect((await shown()).row.work_status).toBe('waiting');
  });

  it('a request that it settled is void, and the history says what is known of it', async () => {
    await deliver(server.url, script.prompt('b'));
    await deliver(server.url, script.toolStarts('t1'));
    await deliver(server.url, script.asks());
    expect((await shown()).row.work_status).toBe('permission');
    await whileAway(`${SET} work_status = 'waiting' WHERE id = '${id}'`);
    expect((await shown()).row).toMatchObject({ work_status: 'waiting' });
    const history = 'SELECT decision, evidence FROM approval_history';
    expect(rowsOf(server.paths, history)).toEqual([
      { decision: 'cancelled', evidence: 'foreign_row' },
    ]);
  });

  it('a request that it left open stays open, with another name for the session', async () => {
    await deliver(server.url, script.prompt('b'));
    await deliver(server.url, script.toolStarts('t1'));
    await deliver(server.url, script.asks('ls'));
    await whileAway(`${SET} custom_name = 'Elsewhere' WHERE id = '${id}'`);
    const { row, state } = await shown();
    expect(row).toMatchObject({ work_status: 'permission', custom_name: 'Elsewhere' });
    expect(state.pending_approval).toMatchObject({ command: 'ls' });
    await deliver(server.url, script.stop());
    expect((await shown()).row.work_status).toBe('waiting');
  });

  it('a request of its own cannot be answered: the session works', async () => {
    await deliver(server.url, script.prompt('b'));
    await deliver(server.url, script.stop());
    await whileAway(
      `${SET} work_status = 'question', pending_question = 'Which?' WHERE id = '${id}'`,
    );
    expect((await shown()).row.work_status).toBe('working');
    await deliver(server.url, script.stop());
    expect((await shown()).row.work_status).toBe('waiting');
  });

  it('an end is an end, and a resumed session works again', async () => {
    await deliver(server.url, script.prompt('c'));
    await whileAway(
      `${SET} status = 'ended', work_status = 'ended', ended_at = '1772366400Z' WHERE id = '${id}'`,
    );
    expect((await shown()).row).toMatchObject({ status: 'ended', work_status: 'ended' });
    const [{ ended_at }] = rowsOf<{ ended_at: string }>(
      server.paths,
      'SELECT ended_at FROM sessions',
    ) as [{ ended_at: string }];
    expect(ended_at).toBe('2026-03-01T12:00:00.000Z');
    await deliver(server.url, script.start('resume'));
    await deliver(server.url, script.prompt('again'));
    expect((await shown()).row).toMatchObject({ status: 'active', work_status: 'working' });
  });

  it('messages that it added are shown and counted', async () => {
    await deliver(server.url, script.prompt('d'));
    await deliver(server.url, script.stop('Done.'));
    await whileAway(
      `INSERT INTO messages (id, session_id, type, content, timestamp, sequence)
       VALUES ('theirs', '${id}', 'assistant', 'from elsewhere', '2026-03-01T12:00:00.000Z', 99)`,
    );
    const { state } = await shown();
    expect(state.messages.at(-1)).toMatchObject({ id: 'theirs', content: 'from elsewhere' });
    expect(state.message_count).toBe(state.messages.length);
    await deliver(server.url, script.prompt('e'));
    expect((await shown()).state.messages.at(-1)).toMatchObject({ content: 'e' });
  });

  it('a file that only we wrote keeps its epoch', async () => {
    await deliver(server.url, script.prompt('f'));
    await deliver(server.url, script.asks());
    const before = (await shown()).state;
    await server.restart();
    const { state } = await shown();
    expect(state.epoch).toBe(before.epoch);
    expect(state.work_status).toBe('permission');
  });
});

describe('while the server runs', () => {
  it.each([
    ['a live session', false],
    ['a session that is only a row', true],
  ])('an end of %s is put back, and the next event leaves no mixture', async (_, isRow) => {
    await deliver(server.url, script.prompt('g'));
    if (isRow) {
      await deliver(server.url, script.stop());
      await server.restart();
    }
    const { row: before } = await shown();
    write(
      `${SET} status = 'ended', work_status = 'ended', ended_at = ?, end_reason = ? WHERE id = ?`,
      ...['2026-11-28T12:00:00Z', 'startup_empty_shell', id],
    );
    expect((await shown()).row).toEqual(before);
    const stored = `SELECT status, ended_at, end_reason FROM sessions`;
    expect(rowsOf(server.paths, stored)).toEqual([
      { status: 'active', ended_at: null, end_reason: null },
    ]);
    await deliver(server.url, script.toolStarts('t2'));
    expect((await shown()).row).toMatchObject({ status: 'active', work_status: 'working' });
    const { state } = await shown();
    await server.restart();
    expect((await shown()).state.epoch).toBe(state.epoch);
  });
});
