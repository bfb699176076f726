/** The order of messages that are told later than what follows them, however many they are. */
import { expect, test } from 'vitest';
import { AT_MS, appended, created, event, openStore } from './support.ts';

test('messages that come one by one at the beginning keep their order, with numbers that can be counted', () => {
  const store = openStore();
  store.one(created('s'));
  for (let n = 0; n < 40; n += 1) {
    // Each a moment earlier: it stands in front of those that were told before it.
    const timestamp = new Date(Date.parse(AT_MS) - n).toISOString();
    const fact = { ...appended('s', `m${n}`, { timestamp }), after: null };
    store.one(event('s', [fact], { origin: 'transcript' }));
  }
  const shown = store.snapshot('s').messages.map(({ id }) => id);
  expect(shown).toEqual(Array.from({ length: 40 }, (_, n) => `m${39 - n}`));
  const rows = store.database.prepare('SELECT sequence FROM messages').pluck().all() as number[];
  expect(rows.every(Number.isSafeInteger)).toBe(true);
});
