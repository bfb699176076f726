/** Retention in the writer's own thread: nobody has to ask for it. */
import { expect, test } from 'vitest';
import { created, openStore, openTestWriter, tempPaths } from './support.ts';

test('a writer that was opened removes by itself what was silent for too long, and nothing else', async () => {
  const paths = tempPaths();
  const store = openStore(paths);
  const now = new Date().toISOString();
  const old = '2020-01-01T00:00:00.000Z';
  store.commit(
    created('old', { started_at: old, last_activity_at: old }),
    created('new', { started_at: now, last_activity_at: now }),
  );
  store.database.close();
  const writer = await openTestWriter(paths);
  expect(writer.opened.sessions).toBe(2);
  const isThere = async (sessionId: string) =>
    (await writer.read({ kind: 'actor', sessionId })).stored !== null;
  await expect.poll(() => isThere('old'), { timeout: 19_000 }).toBe(false);
  expect(await isThere('new')).toBe(true);
});
