/** A row that holds what no row of ours holds, such as broken JSON: the trouble of those who read it alone. */
import { expect, test } from 'vitest';
import {
  appended,
  created,
  event,
  openStore,
  openTestWriter,
  snapshotOf,
  tempPaths,
} from './support.ts';

/** Two sessions, of which one has rows that another program changed. */
async function openWithOddRows(change: string) {
  const paths = tempPaths();
  const store = openStore(paths);
  store.commit(created('odd'), created('sound'));
  store.commit(event('odd', [appended('odd', 'a')]), event('odd', [appended('odd', 'b')]));
  store.database.exec(change);
  store.database.close();
  return openTestWriter(paths);
}

const REFUSAL = { code: 'database_damaged', message: expect.stringContaining('Session odd') };

test('a row that is no JSON is an error for who reads it alone', async () => {
  const writer = await openWithOddRows(
    `INSERT INTO approval_history (session_id, request_id, approval_type, created_at, decided_by)
     VALUES ('odd', 'r', 'exec', '2026-03-01T12:00:00.000Z', '{"name')`,
  );
  const read = writer.read({ kind: 'approvals', sessionId: 'odd', limit: 10 });
  await expect(read).rejects.toMatchObject(REFUSAL);
  expect(writer.storageError).toBe(null);
  expect(await writer.read({ kind: 'approvals', sessionId: 'sound', limit: 10 })).toEqual([]);
});

test('a row that is JSON of another shape is an error for who reads it alone', async () => {
  const writer = await openWithOddRows(`UPDATE journal SET amended = '{}' WHERE revision = 2`);
  const of = { kind: 'catch-up', epoch: writer.opened.epoch } as const;
  const read = writer.read({ ...of, sessionId: 'odd', since: 1 });
  await expect(read).rejects.toMatchObject(REFUSAL);
  expect(writer.storageError).toBe(null);
  const whole = await writer.read({ ...of, sessionId: 'odd', since: null });
  expect(snapshotOf(whole).message_count).toBe(2);
});
