/** Which sessions are live from the start: those that the restart changes, and few of the others. */
import { expect, test } from 'vitest';
import { ActorReads } from '../../src/store/queries/actors.ts';
import { created, openStore } from './support.ts';

const minute = (n: number) => `2026-03-01T12:${String(n % 60).padStart(2, '0')}:00.000Z`;

test('of a thousand sessions at work the newest come back at once, of those that wait all', () => {
  const store = openStore();
  const add = (id: string, work_status: 'working' | 'permission' | 'reply', n: number) =>
    store.one(created(id, { work_status, last_activity_at: minute(n) }));
  for (let n = 0; n < 100; n++) add(`asks-${n}`, 'permission', 0);
  for (let n = 0; n < 1000; n++) add(`works-${n}`, 'working', n < 990 ? 1 : 2);
  add('rests', 'reply', 3);
  const ids = new ActorReads(store.database).busy().map(({ summary }) => summary.id);
  expect(ids.filter((id) => id.startsWith('asks-'))).toHaveLength(100);
  expect(ids.filter((id) => id.startsWith('works-'))).toHaveLength(64);
  expect(ids).toEqual(expect.arrayContaining(['works-990', 'works-999']));
  expect(ids).not.toContain('rests');
});
