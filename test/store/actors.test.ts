/** What a start reads of sessions. */
import { expect, test } from 'vitest';
import { ActorReads } from '../../src/store/queries/actors.ts';
import { openStore } from './support.ts';

test('trouble that is no damage stops a start: nothing is taken for empty', () => {
  const { database } = openStore();
  const reads = new ActorReads(database);
  const all = ['busy', 'sessions', 'processes', 'bearers', 'tails', 'unread', 'commands'] as const;
  for (const read of all) expect(() => reads[read](), read).not.toThrow();
  database.close();
  for (const read of all) expect(() => reads[read](), read).toThrow('not open');
});
