/** The order of messages that are reported later than what follows them, however many they are, and each once. */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../machines/session-facts.ts';
import type { Message } from '../../src/protocol/nouns.ts';
import { AT_MS, appended, created, event, openStore, type Store } from './support.ts';

test('messages that come one by one at the beginning keep their order, with numbers that can be counted', () => {
  const store = openStore();
  store.one(created('s'));
  for (let n = 0; n < 40; n += 1) {
    // Each a moment earlier: it stands in front of those that were reported before it.
    const timestamp = new Date(Date.parse(AT_MS) - n).toISOString();
    const fact = { ...appended('s', `m${n}`, { timestamp }), after: null };
    store.one(event('s', [fact], { origin: 'transcript' }));
  }
  const shown = store.snapshot('s').messages.map(({ id }) => id);
  expect(shown).toEqual(Array.from({ length: 40 }, (_, n) => `m${39 - n}`));
  const rows = store.database.prepare('SELECT sequence FROM messages').pluck().all() as number[];
  expect(rows.every(Number.isSafeInteger)).toBe(true);
});

const at = (ms: number) => new Date(Date.parse(AT_MS) + ms).toISOString();
/** A message at that moment; `after`: the one before it in its source, null at the start, undefined where none is reported. */
const received = (id: string, ms: number, after?: string | null, more: Partial<Message> = {}) => {
  const fact = appended('s', id, { timestamp: at(ms), ...more });
  return (after === undefined ? fact : { ...fact, after }) as Fact;
};
const begun = (...facts: Fact[]) => {
  const store = openStore();
  store.commit(created('s'), ...facts.map((fact) => event('s', [fact], { origin: 'hook' })));
  return store;
};
const order = (store: Store) => store.snapshot('s').messages.map(({ id }) => id);
const numbers = ({ database }: Store) =>
  database.prepare('SELECT sequence FROM messages ORDER BY sequence').pluck().all() as number[];

describe('a message that is reported late', () => {
  test('by its time alone stands between the two that it was said between', () => {
    const store = begun(received('m1', 0), received('m2', 20), received('late', 10));
    expect(order(store)).toEqual(['m1', 'late', 'm2']);
    expect(new Set(numbers(store)).size).toBe(3);
  });

  test('has subscribers receive which message it stands behind', () => {
    const store = begun(received('m1', 0), received('m2', 20));
    const result = store.one(event('s', [received('late', 10, 'm1')], { origin: 'transcript' }));
    expect(result).not.toHaveProperty('known');
    const byTime = store.one(event('s', [received('later', 15)], { origin: 'hook' }));
    expect(byTime).toMatchObject({ known: [{ fact: expect.stringContaining('"after":"late"') }] });
    expect(order(store)).toEqual(['m1', 'late', 'later', 'm2']);
  });

  test('stands at the end when the message before it is not there', () => {
    const store = begun(received('m1', 0), received('m2', 20));
    const result = store.one(event('s', [received('late', 10, 'gone')], { origin: 'transcript' }));
    expect(result).toMatchObject({ outcome: 'committed' });
    expect(order(store)).toEqual(['m1', 'm2', 'late']);
  });

  test('by a source whose order is the order stays at the end, whatever its clock says', () => {
    const store = begun(received('m1', 0), received('m2', 20));
    store.one(event('s', [received('m3', 10)], { origin: 'connector' }));
    expect(order(store)).toEqual(['m1', 'm2', 'm3']);
    expect(numbers(store)).toEqual([0, 1, 2]);
  });
});

test('a message under the id of another session is stored there alone, and shown nowhere else', () => {
  const store = begun(received('m1', 0));
  store.one(created('other'));
  const stolen = appended('other', 'm1', { content: 'not of this session' });
  const result = store.one(event('other', [stolen], { origin: 'transcript' }));
  expect(result).toMatchObject({ outcome: 'committed', known: [{ fact: null }] });
  expect(store.snapshot('other').messages).toEqual([]);
  expect(order(store)).toEqual(['m1']);
});

describe('a message that two sources report', () => {
  const rows = (store: Store) =>
    store.snapshot('s').messages.map(({ content, tool_output, is_in_progress }) => ({
      content,
      tool_output,
      is_in_progress: is_in_progress ?? false,
    }));
  const again = (store: Store, origin: string, more: Partial<Message>) =>
    store.one(event('s', [received('m1', 0, undefined, more)], { origin }));

  test('has the words of the transcript where the hook reported a part of them', () => {
    const store = begun(received('m1', 0, undefined, { content: 'the beginning' }));
    again(store, 'transcript', { content: 'the beginning and the end' });
    expect(rows(store)).toMatchObject([{ content: 'the beginning and the end' }]);
    again(store, 'hook', { content: 'the beginning' });
    expect(rows(store)).toMatchObject([{ content: 'the beginning and the end' }]);
  });

  test('runs on until one of them reports what came out', () => {
    const tool = { message_type: 'tool', is_in_progress: true } as const;
    const store = begun(received('m1', 0, undefined, tool));
    again(store, 'transcript', tool);
    expect(rows(store)).toMatchObject([{ tool_output: null, is_in_progress: true }]);
    again(store, 'transcript', { ...tool, tool_output: 'done' });
    expect(rows(store)).toMatchObject([{ tool_output: 'done', is_in_progress: false }]);
  });

  test('is one also where the hook had to make an id for it', () => {
    const words = { content: 'the same' };
    const store = begun(received('s:key:1', 0, undefined, words));
    store.one(event('s', [received('m1', 10, null, words)], { origin: 'transcript' }));
    expect(order(store)).toEqual(['s:key:1']);
  });

  test('is one within five seconds, before and behind, and two beyond them', () => {
    const words = { content: 'the same' };
    const after = (ms: number) => {
      const store = begun(received('s:key:1', 10_000, undefined, words));
      store.one(event('s', [received('m1', 10_000 + ms, null, words)], { origin: 'transcript' }));
      return store.snapshot('s').messages.length;
    };
    expect([-5_001, -5_000, 5_000, 5_001].map(after)).toEqual([2, 1, 1, 2]);
  });

  test('is one also behind many tools of the same moment, and two where they are of other types', () => {
    const words = { content: 'the same' };
    const tools = Array.from({ length: 90 }, (_, n) =>
      received(`t${n}`, n, undefined, { message_type: 'tool' }),
    );
    const store = begun(received('s:key:1', 0, undefined, words), ...tools);
    store.one(event('s', [received('m1', 100, null, words)], { origin: 'transcript' }));
    expect(order(store)).not.toContain('m1');
    const answer = { ...words, message_type: 'user' } as const;
    store.one(event('s', [received('m2', 100, null, answer)], { origin: 'transcript' }));
    expect(order(store)).toContain('m2');
  });
});
