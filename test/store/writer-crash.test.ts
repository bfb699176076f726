import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { DataPaths } from '../../src/config.ts';
import { isLocked } from '../../src/store/lock.ts';
import { openStore, tempPaths } from './support.ts';

interface Acknowledged {
  key: string;
  id: string;
  outcome: string;
  seq: number;
  revision: number;
}

const CHILD = fileURLToPath(new URL('./writer-child.ts', import.meta.url));

/** Lets a process store until `count` items are acknowledged, then kills it in the middle. */
function storeUntilKilled(paths: DataPaths, round: number, count: number): Promise<Acknowledged[]> {
  const args = ['--import', import.meta.resolve('tsx'), CHILD, paths.dir, String(round)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > count) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.on('close', () => {
      // What follows the last line end is a line the kill cut short.
      const lines = text.split('\n').slice(0, -1);
      resolve(lines.map((line) => JSON.parse(line) as Acknowledged));
    });
  });
}

test('whatever was acknowledged before a kill is there, numbered without gaps', async () => {
  const paths = tempPaths();
  const acknowledged: Acknowledged[] = [];
  for (const [round, count] of [60, 300].entries()) {
    const more = await storeUntilKilled(paths, round, count);
    expect(more.length).toBeGreaterThanOrEqual(count);
    acknowledged.push(...more);
  }
  expect(isLocked(paths.lock)).toBe(false);
  const { database, epoch, snapshot } = openStore(paths);
  expect(epoch.wasDirty).toBe(true);
  expect(database.prepare('PRAGMA quick_check').pluck().get()).toBe('ok');
  const stored = database.prepare<[], string>('SELECT id FROM messages').pluck().all();
  const keys = new Set(database.prepare<[], string>('SELECT key FROM hook_keys').pluck().all());
  for (const { key, outcome } of acknowledged) {
    expect(outcome).toBe('committed');
    expect(keys.has(key)).toBe(true);
    expect(stored).toContain(key);
  }
  expect(keys.size).toBe(stored.length);
  for (const id of ['a', 'b', 'c']) {
    const rows = database
      .prepare<[string], { seq: number; revision: number }>(
        'SELECT seq, revision FROM journal WHERE session_id = ? ORDER BY seq',
      )
      .all(id);
    expect(rows).toEqual(rows.map((_, at) => ({ seq: at + 1, revision: at + 1 })));
    const { revision, message_count } = snapshot(id);
    expect(revision).toBe(rows.length);
    expect(message_count).toBe(rows.length);
    const mine = acknowledged.filter((one) => one.id === id);
    expect(mine.map(({ revision }) => revision)).toEqual([
      ...new Set(mine.map(({ revision }) => revision)),
    ]);
  }
});
