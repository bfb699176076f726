import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findDamage } from '../../src/store/damage.ts';
import { appended, created, event, openStore } from './support.ts';

test('a sound database has no damage, one that was scribbled over does', () => {
  const store = openStore();
  store.one(created('s'));
  const facts = Array.from({ length: 200 }, (_, at) =>
    appended('s', `m${at}`, { content: 'words '.repeat(200) }),
  );
  store.one(event('s', facts));
  store.database.pragma('wal_checkpoint(TRUNCATE)');
  store.database.close();
  expect(findDamage(store.paths.database)).toBe(null);

  const { size } = statSync(store.paths.database);
  const file = openSync(store.paths.database, 'r+');
  for (let page = Math.floor(size / 8192); page * 4096 < size; page += 3) {
    writeSync(file, 'scribble'.repeat(512), page * 4096);
  }
  closeSync(file);
  expect(findDamage(store.paths.database)).toMatch(/\S/);
});
