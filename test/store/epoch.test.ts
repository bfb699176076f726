import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { DataPaths } from '../../src/config.ts';
import { appended, created, event, openStore, type Store, tempPaths } from './support.ts';

function closeCleanly(store: Store): void {
  store.epoch.close();
  store.database.pragma('wal_checkpoint(TRUNCATE)');
  store.database.close();
}

function markOf(paths: DataPaths): { epoch: string; boots: number; commits: number } {
  return JSON.parse(readFileSync(paths.epoch, 'utf8'));
}

/** A store with one session at revision 2, closed cleanly. */
function aClosedStore(): { paths: DataPaths; epoch: string } {
  const store = openStore();
  store.commit(created('s'), event('s', [appended('s', 'a'), appended('s', 'b')]));
  closeCleanly(store);
  return { paths: store.paths, epoch: store.epoch.id };
}

test('an epoch survives restarts, clean or not', () => {
  const { paths, epoch } = aClosedStore();
  const second = openStore(paths);
  expect(second.epoch.id).toBe(epoch);
  expect(second.epoch.wasDirty).toBe(false);
  second.one(event('s', [appended('s', 'c')]));
  second.database.close();
  const third = openStore(paths);
  expect(third.epoch.id).toBe(epoch);
  expect(third.epoch.wasDirty).toBe(true);
  expect(third.snapshot('s').revision).toBe(3);
  expect(third.catchUp('s', 2, epoch)?.frames).toHaveLength(1);
});

test('the file outside follows the commits every ten seconds, so that it is known after a kill too', () => {
  let now = 0;
  const store = openStore(tempPaths(), () => now);
  const { commits: before } = markOf(store.paths);
  store.one(created('s'));
  now += 9_999;
  store.one(event('s', [appended('s', 'a')]));
  expect(markOf(store.paths).commits).toBe(before);
  now += 1;
  store.one(event('s', [appended('s', 'b')]));
  expect(markOf(store.paths).commits).toBe(before + 3);
});

test('a new database is not dirty', () => {
  expect(openStore().epoch.wasDirty).toBe(false);
});

test('a restored backup begins a new epoch, and nobody catches up across it', () => {
  const { paths, epoch } = aClosedStore();
  copyFileSync(paths.database, `${paths.database}.backup`);
  const later = openStore(paths);
  later.one(event('s', [appended('s', 'c')]));
  closeCleanly(later);
  copyFileSync(`${paths.database}.backup`, paths.database);
  const restored = openStore(paths);
  expect(restored.epoch.id).not.toBe(epoch);
  const state = restored.snapshot('s');
  expect(state.epoch).toBe(restored.epoch.id);
  expect(state.revision).toBe(1_000_002);
  expect(state.messages.map(({ id }) => id)).toEqual(['a', 'b']);
  for (const since of [1, 2, 3]) {
    expect(restored.catchUp('s', since)?.frames[0]).toContain('session_snapshot');
  }
  restored.one(event('s', [appended('s', 'd')]));
  expect(restored.catchUp('s', 1_000_002)?.frames).toHaveLength(1);
});

test.each<[string, (paths: DataPaths) => void]>([
  ['is gone', (paths) => rmSync(paths.epoch)],
  ['is broken', (paths) => writeFileSync(paths.epoch, '{"epoch":')],
  [
    'is of another database',
    (paths) => writeFileSync(paths.epoch, JSON.stringify({ epoch: 'x', boots: 1, commits: 0 })),
  ],
])('a database whose mark %s begins a new epoch', (_, spoil) => {
  const { paths, epoch } = aClosedStore();
  spoil(paths);
  const store = openStore(paths);
  expect(store.epoch.id).not.toBe(epoch);
  expect(markOf(paths).epoch).toBe(store.epoch.id);
});

test('the mark outside counts commits when the database closes', () => {
  const { paths, epoch } = aClosedStore();
  expect(markOf(paths)).toEqual({ epoch, boots: 1, commits: 1 });
});
