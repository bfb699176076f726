/** Which sessions a start makes live: those that the restart changes, and few of the others. */
import { expect, test } from 'vitest';
import { ActorReads } from '../../src/store/queries/actors.ts';
import { created, openStore } from './support.ts';

const minute = (n: number) => `2026-03-01T12:${String(n % 60).padStart(2, '0')}:00.000Z`;

test('of a thousand sessions at work the newest are made live again, of those that wait all', () => {
  const store = openStore();
  const add = (id: string, work_status: 'working' | 'permission' | 'reply', n: number) =>
    store.one(created(id, { work_status, last_activity_at: minute(n) }));
  for (let n = 0; n < 100; n++) add(`asks-${n}`, 'permission', 0);
  for (let n = 0; n < 1000; n++) add(`works-${n}`, 'working', n < 990 ? 1 : 2);
  add('rests', 'reply', 3);
  const reads = new ActorReads(store.database);
  const interrupted = reads.interrupted().map(({ summary }) => summary.id);
  expect(new Set(interrupted)).toEqual(new Set(Array.from({ length: 100 }, (_, n) => `asks-${n}`)));
  const working = reads.working();
  expect(working).toHaveLength(64);
  expect(working).toEqual(expect.arrayContaining(['works-990', 'works-999']));
  expect(working.every((id) => id.startsWith('works-'))).toBe(true);
});
